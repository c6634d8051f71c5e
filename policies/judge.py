"""The judge: rules and scores together, by the policy's word. Same input and policy, same answer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policies.classifier import TextClassifier
from policies.combined import embedded_classifier
from policies.decision import ALLOWED, Action, Decision, RuleMatch, Stage, Unenforced, because
from policies.document import CategoryPolicy, Overlay, Policy, Thresholds, Words, effective
from policies.errors import PolicyError
from policies.finding import Found
from policies.frames import FrameScorer, OpenNsfwScorer
from policies.judges.opinion import Opinion
from policies.language import language_of
from policies.loading import load_policy
from policies.names import load_names
from policies.normalise import read_prompt
from policies.ordering import RULED, foremost
from policies.rules import RuleSet
from policies.signals import Context, NameFinder, context_values, name_values
from policies.taxonomy import CATEGORIES, FLOOR, Category

_BATCH = 16
NOWHERE = Context()
"""Of a request of which nothing is known but its text or pictures."""


class Judge:
    """Applies one policy to prompts and pictures.

    Args:
        policy: What is allowed.
        classifier: Scores texts.
        frame_scorer: Scores pictures; without one, ``judge_frames`` refuses.
        names: Finds named people, characters, brands, artists, parties and elections; those of the gazetteers that
            come with the package if not given.
    """

    def __init__(
        self,
        policy: Policy,
        classifier: TextClassifier,
        frame_scorer: FrameScorer | None = None,
        names: NameFinder | None = None,
    ) -> None:
        self.policy = policy
        self._classifier = classifier
        self._frame_scorer = frame_scorer
        self._names = names or load_names()
        self._rules = RuleSet(policy)
        self._abouts = {rule.id: rule.about for rule in policy.all_rules}
        self._words = {rule.id: rule.user_text for rule in policy.all_rules if rule.user_text}
        self._effective: dict[tuple[str, ...], dict[Category, CategoryPolicy]] = {}

    @classmethod
    def default(cls, policy_path: Path | None = None, frame_scorer: FrameScorer | None = None) -> "Judge":
        """The embedded classifier under a policy, with a picture scorer; None takes the embedded one of either."""
        return cls(load_policy(policy_path), embedded_classifier(), frame_scorer or OpenNsfwScorer())

    def judge_text(self, text: str, *, stage: Stage = "prompt", context: Context = NOWHERE) -> Decision:
        """Decide on a prompt.

        Args:
            text: What was written.
            stage: Where it stands.
            context: The circumstances, as far as they are known.

        Raises:
            PromptError: ``prompt_empty``, ``prompt_too_long`` (32,000 code points, or the policy's
                lower limit) or ``prompt_unreadable``.
        """
        return self.decide(self.read(text, stage=stage, context=context))

    def read(self, text: str, *, stage: Stage = "prompt", context: Context = NOWHERE) -> "Seen":
        """What there is to decide on in a prompt; arguments and errors as of ``judge_text``."""
        normalised = read_prompt(text, self.policy.limits.max_code_points)
        names = self._names.find(normalised)
        return Seen(
            kind="text",
            stage=stage,
            scores=self._classifier.scores(normalised),
            scorer=self._classifier,
            context=self.policy.placed(context),
            language=language_of(normalised),
            names=name_values(names),
            found=self._rules.find(normalised, names),
        )

    def judge_frames(
        self,
        frames: Iterable[NDArray[np.uint8]],
        *,
        stage: Literal["input", "output"] = "output",
        context: Context = NOWHERE,
    ) -> Decision:
        """Decide on pictures; the worst picture counts. Holds at most 16 pictures at a time.

        Args:
            frames: Pictures (h, w, 3) uint8 RGB.
            stage: ``input`` for what a user sent, ``output`` for what was generated.
            context: The circumstances, as far as they are known.

        Raises:
            PolicyError: ``frame_scorer_missing``, ``frames_empty`` or ``frame_invalid``.
        """
        scorer = self._frame_scorer
        if scorer is None:
            raise PolicyError("frame_scorer_missing", "No picture scorer is configured: configure one.")
        worst: dict[str, float] = {}
        for batch in _batches(frames):
            for scores in scorer.score(batch):
                for category, score in scores.items():
                    worst[category] = max(score, worst.get(category, 0.0))
        if not worst:
            raise PolicyError("frames_empty", "There were no pictures to judge: the clip has no frames.")
        placed = self.policy.placed(context)
        return self.decide(Seen(kind="frames", stage=stage, scores=worst, scorer=scorer, context=placed))

    def decide(self, seen: "Seen", heard: Mapping[str, Opinion | None] | None = None) -> Decision:
        """Decide on what was read.

        Args:
            seen: What there is to decide on.
            heard: What each further judge that the policy's rules may name says, None if it did not answer; None if
                nobody was asked, and then rules that turn on what they say do not count.
        """
        overlays = self.policy.overlays_of(seen.context)
        settings = self._settings_under(overlays)
        circumstances = context_values(seen.context, seen.language or "", seen.stage) | {"names": seen.names}
        matches = tuple(
            match
            for match in self._rules.match(seen.found, seen.scores, circumstances, overlays, heard)
            if match.action is Action.ALLOW or settings[Category(match.category)].enabled
        )
        weighed = self._weigh(seen, settings, matches)
        answer = self._answer(weighed, seen, settings, matches)
        enforced, shadow = answer, None
        if self.policy.mode == "shadow":
            floor = {
                c: (score, action if c in FLOOR else Action.ALLOW) for c, (score, action) in weighed.items()
            }
            enforced = self._answer(floor, seen, settings, matches)
            shadow = Unenforced(action=answer.action, reason=answer.reason, categories=answer.categories)
        scores = {category: score for category, (score, _) in weighed.items()}
        return Decision(
            action=enforced.action,
            reason=enforced.reason,
            categories=enforced.categories,
            scores=scores,
            severities={c: settings[Category(c)].severity.name(s) for c, s in scores.items()},
            matches=matches,
            policy_id=self.policy.id,
            policy_version=self.policy.version,
            policy_digest=self.policy.digest,
            model_id=seen.scorer.id,
            model_digest=seen.scorer.digest,
            user_text=enforced.user_text.model_dump(),
            operator_text=self._operator_text(enforced, shadow, scores, matches, overlays),
            stage=seen.stage,
            mode=self.policy.mode,
            shadow=shadow,
            overlays=tuple(overlay.id for overlay in overlays),
            language=seen.language,
            context=seen.context,
        )

    def thresholds(self, context: Context = NOWHERE) -> dict[str, Thresholds]:
        """From which scores of a text on each category acts under such circumstances; of those that are enabled."""
        settings = self._settings_under(self.policy.overlays_of(self.policy.placed(context)))
        return {category.value: own.text for category, own in settings.items() if own.enabled}

    def _settings_under(self, overlays: tuple[Overlay, ...]) -> dict[Category, CategoryPolicy]:
        key = tuple(overlay.id for overlay in overlays)
        if key not in self._effective:
            self._effective[key] = effective(self.policy, overlays)
        return self._effective[key]

    def _weigh(
        self, seen: "Seen", settings: dict[Category, CategoryPolicy], matches: tuple[RuleMatch, ...]
    ) -> dict[str, tuple[float, Action]]:
        """Score and action of each category: the stricter of its score and its rules."""
        fired = {match.rule for match in matches if match.action is Action.ALLOW}
        lowered = {c for rule in self.policy.rules if rule.id in fired for c in rule.lowers}
        weighed: dict[str, tuple[float, Action]] = {}
        for category in CATEGORIES:
            by_rule = [match.action for match in matches if match.category == category]
            if category not in seen.scores and seen.kind == "frames" and not by_rule:
                continue  # what a picture scorer cannot see has no score
            own = settings[Category(category)]
            limits: Thresholds = getattr(own, seen.kind)
            score = seen.scores.get(category, 0.0)
            action = _by_score(score, limits) if own.enabled else Action.ALLOW
            action = max((action, *by_rule), key=lambda a: a.rank)
            if by_rule:
                score = max(score, limits.block if Action.BLOCK in by_rule else limits.review)
            if action is Action.REVIEW and category in lowered:
                action = Action.ALLOW
            weighed[category] = score, action
        return weighed

    def _answer(
        self,
        weighed: dict[str, tuple[float, Action]],
        seen: "Seen",
        settings: dict[Category, CategoryPolicy],
        matches: tuple[RuleMatch, ...],
    ) -> "_Answer":
        acting: list[str] = []
        for action in (Action.BLOCK, Action.REVIEW):
            ruled = {match.category for match in matches if match.action is action}
            acting += foremost(
                {
                    category: RULED if category in ruled else seen.scores.get(category, 0.0)
                    for category, (_, own) in weighed.items()
                    if own is action
                }
            )
        if not acting:
            return _Answer(Action.ALLOW, ALLOWED, (), self.policy.allowed_text)
        first = acting[0]
        decided = weighed[first][1]
        rule = next((m.rule for m in matches if m.category == first and m.action is decided), None)
        source = "score" if seen.kind == "text" else "frames"
        words = self.policy.review_text
        if decided is Action.BLOCK:
            words = self._words.get(rule or "") or settings[Category(first)].user_text
        return _Answer(decided, f"rule.{rule}" if rule else f"{source}.{first}", tuple(acting), words)

    def _operator_text(
        self,
        answer: "_Answer",
        shadow: Unenforced | None,
        scores: dict[str, float],
        matches: tuple[RuleMatch, ...],
        overlays: tuple[Overlay, ...],
    ) -> str:
        parts = [because(answer.action, answer.reason)]
        if shadow is not None:
            parts.append(f"in shadow mode; enforced it would be {because(shadow.action, shadow.reason)}")
        acting = answer.categories if shadow is None else shadow.categories
        if acting:
            parts.append("scores " + ", ".join(f"{c} {scores[c]:.3f}" for c in acting))
        parts.extend(f"rule {match.rule} ({self._abouts[match.rule].rstrip('.')})" for match in matches)
        if overlays:
            parts.append("overlays " + ", ".join(overlay.id for overlay in overlays))
        return "; ".join(parts)


@dataclass(frozen=True)
class Seen:
    """What there is to decide on."""

    kind: Literal["text", "frames"]
    stage: Stage
    scores: dict[str, float]
    scorer: TextClassifier | FrameScorer
    context: Context
    language: str | None = None
    names: list[dict[str, str]] = field(default_factory=list)
    found: Found = field(default_factory=dict)


@dataclass(frozen=True)
class _Answer:
    """What follows."""

    action: Action
    reason: str
    categories: tuple[str, ...]
    user_text: Words


def _by_score(score: float, limits: Thresholds) -> Action:
    if score >= limits.block:
        return Action.BLOCK
    return Action.REVIEW if score >= limits.review else Action.ALLOW


def _batches(frames: Iterable[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    source = iter(frames)
    while batch := list(islice(source, _BATCH)):
        for frame in batch:
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
                raise PolicyError("frame_invalid", "A picture must be (height, width, 3) uint8 RGB.")
        yield batch
