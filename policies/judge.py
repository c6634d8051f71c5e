"""The judge: rules and scores together, by the policy's word. Same input and policy, same answer."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policies.classifier import TextClassifier
from policies.combined import embedded_classifier
from policies.decision import Action, Decision, RuleMatch, Stage
from policies.document import CategoryPolicy, Policy, Thresholds
from policies.errors import PolicyError
from policies.frames import FrameScorer, OpenNsfwScorer
from policies.loading import load_policy
from policies.normalise import read_prompt
from policies.rules import RuleSet
from policies.taxonomy import CATEGORIES, FLOOR, Category

_BATCH = 16


class Judge:
    """Applies one policy to prompts and pictures.

    Args:
        policy: What is allowed.
        classifier: Scores texts.
        frame_scorer: Scores pictures; without one, ``judge_frames`` refuses.
    """

    def __init__(
        self, policy: Policy, classifier: TextClassifier, frame_scorer: FrameScorer | None = None
    ) -> None:
        self.policy = policy
        self._classifier = classifier
        self._frame_scorer = frame_scorer
        self._rules = RuleSet(policy)

    @classmethod
    def default(cls, policy_path: Path | None = None) -> "Judge":
        """The embedded classifier and picture scorer under a policy (None: the embedded one)."""
        return cls(load_policy(policy_path), embedded_classifier(), OpenNsfwScorer())

    def judge_text(self, text: str, *, stage: Stage = "prompt") -> Decision:
        """Decide on a prompt.

        Raises:
            PromptError: ``prompt_empty``, ``prompt_too_long`` (32,000 code points, or the policy's
                lower limit) or ``prompt_unreadable``.
        """
        normalised = read_prompt(text, self.policy.limits.max_code_points)
        matches = tuple(
            match
            for match in self._rules.match(normalised)
            if match.action is Action.ALLOW or self._settings(match.category).enabled
        )
        return self._decide(self._classifier.scores(normalised), matches, "text", stage, self._classifier)

    def judge_frames(
        self,
        frames: Iterable[NDArray[np.uint8]],
        *,
        stage: Literal["input", "output"] = "output",
    ) -> Decision:
        """Decide on pictures; the worst picture counts. Holds at most 16 pictures at a time.

        Args:
            frames: Pictures (h, w, 3) uint8 RGB.
            stage: ``input`` for what a user sent, ``output`` for what was generated.

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
        return self._decide(worst, (), "frames", stage, scorer)

    def _settings(self, category: str) -> CategoryPolicy:
        return self.policy.categories[Category(category)]

    def _decide(
        self,
        raw: dict[str, float],
        matches: tuple[RuleMatch, ...],
        kind: Literal["text", "frames"],
        stage: Stage,
        scorer: TextClassifier | FrameScorer,
    ) -> Decision:
        lowered = self._rules.lowered(matches)
        scores: dict[str, float] = {}
        actions: dict[str, Action] = {}
        for category in CATEGORIES:
            if category not in raw and kind == "frames":
                continue  # what a picture scorer cannot see has no score
            settings = self._settings(category)
            limits: Thresholds = getattr(settings, kind)
            score = raw.get(category, 0.0)
            action = _by_score(score, limits) if settings.enabled else Action.ALLOW
            by_rule = [m.action for m in matches if m.category == category]
            action = max((action, *by_rule), key=lambda a: a.rank)
            if by_rule:
                score = max(score, limits.block if Action.BLOCK in by_rule else limits.review)
            if action is Action.REVIEW and category in lowered:
                action = Action.ALLOW
            scores[category], actions[category] = score, action
        # Strictest first; the floor before the rest; then the taxonomy's order.
        acting = sorted(
            (c for c, action in actions.items() if action is not Action.ALLOW),
            key=lambda c: (-actions[c].rank, c not in FLOOR, CATEGORIES.index(c)),
        )
        decided = actions[acting[0]] if acting else Action.ALLOW
        reason, user_text = "allowed", self.policy.allowed_text
        if acting:
            first = acting[0]
            blocked = decided is Action.BLOCK
            user_text = self._settings(first).user_text if blocked else self.policy.review_text
            rule = next((m.rule for m in matches if m.category == first and m.action is decided), None)
            source = "score" if kind == "text" else "frames"
            reason = f"rule.{rule}" if rule else f"{source}.{first}"
        return Decision(
            action=decided,
            reason=reason,
            categories=tuple(acting),
            scores=scores,
            severities={c: self._settings(c).severity.name(s) for c, s in scores.items()},
            matches=matches,
            policy_id=self.policy.id,
            policy_version=self.policy.version,
            policy_digest=self.policy.digest,
            model_id=scorer.id,
            model_digest=scorer.digest,
            user_text=user_text.model_dump(),
            operator_text=_operator_text(decided, reason, acting, scores, matches),
            stage=stage,
        )


def _by_score(score: float, limits: Thresholds) -> Action:
    if score >= limits.block:
        return Action.BLOCK
    return Action.REVIEW if score >= limits.review else Action.ALLOW


def _operator_text(
    action: Action, reason: str, acting: list[str], scores: dict[str, float], matches: tuple[RuleMatch, ...]
) -> str:
    parts = [f"{action.value} because of {reason}"]
    if acting:
        parts.append("scores " + ", ".join(f"{c} {scores[c]:.3f}" for c in acting))
    if matches:
        parts.append("rules " + ", ".join(m.rule for m in matches))
    return "; ".join(parts)


def _batches(frames: Iterable[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    source = iter(frames)
    while batch := list(islice(source, _BATCH)):
        for frame in batch:
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
                raise PolicyError("frame_invalid", "A picture must be (height, width, 3) uint8 RGB.")
        yield batch
