"""Everything that looks at a request, put together: the judge, and what an operator adds to it.

The judge applies the policy to texts and to scores of pictures. Around it stand further judges of texts, and those who
turn something else into text or into a finding: lettering in pictures, speech, faces, lists of known pictures. What is
not there is reported as absent; what is there and fails, stops the request as the operator says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from policies.combine import UNAVAILABLE, combine, objecting, relayed
from policies.decision import Action, Decision, Evidence, Stage
from policies.document import CategoryPolicy, Policy, effective
from policies.errors import PolicyError, PromptError
from policies.faces import FACE
from policies.hashes import HashLists
from policies.judge import NOWHERE, Judge
from policies.judges.chat import ChatJudge
from policies.judges.opinion import JudgeError
from policies.judges.panel import Heard, Member, Panel
from policies.looking import Faces, Lettering, Look, Named, Picture
from policies.ordering import RULED, foremost
from policies.signals import Context
from policies.taxonomy import CATEGORIES, FLOOR, Category
from policies.transcripts import Transcriber

_FOUND_NOTHING = "nothing_to_judge"


@dataclass(frozen=True)
class Listening:
    """A transcriber, and what happens when it gives no text."""

    transcriber: Transcriber
    on_failure: Literal["block", "review"] = "block"


class Examiner:
    """The judge and all that is configured around it.

    Args:
        judge: Applies the policy.
        panel: Further judges of texts; None if they are left out, and then rules that turn on what they say do not
            count.
        faces: Finds faces.
        lettering: Reads text in pictures.
        hash_lists: Known pictures.
        listening: Transcribes speech.
        absent: Why a part is not there, by its name in evidence, where there is more to say than "not configured".

    Raises:
        PolicyError: ``judge_missing``, if rules may name a judge that the panel lacks.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        panel: Panel | None = None,
        faces: Faces | None = None,
        lettering: Lettering | None = None,
        hash_lists: HashLists | None = None,
        listening: Listening | None = None,
        absent: dict[str, str] | None = None,
    ) -> None:
        self._judge = judge
        self._panel = panel or Panel()
        missing = set(judge.policy.judges).difference(member.name for member in self._panel.members)
        if panel is not None and missing:
            raise PolicyError(
                "judge_missing",
                f"The policy {judge.policy.id} names the judge {min(missing)}, which is not configured: add it to"
                " examination.judges in the settings, or take it out of the policy's judges.",
            )
        self._faces, self._lettering = faces, lettering
        self._hash_lists, self._listening = hash_lists, listening
        self._absent = absent or {}

    @property
    def policy(self) -> Policy:
        """What is allowed."""
        return self._judge.policy

    @property
    def alone(self) -> Judge:
        """The judge without those around it: what must not leave this machine is judged by it."""
        return self._judge

    @property
    def panel(self) -> Panel:
        """Further judges of texts."""
        return self._panel

    @property
    def listens(self) -> bool:
        """Whether somebody transcribes speech."""
        return self._listening is not None

    def load(self) -> Iterator[tuple[str, str]]:
        """Read the weights of further judges that run here, so that the first request need not wait for them.

        Yields:
            Each one's name, and why it cannot be read; empty if it was.
        """
        for member in self._panel.members:
            if isinstance(member.judge, ChatJudge):
                try:
                    member.judge.load()
                except PolicyError as error:
                    yield member.name, error.code
                else:
                    yield member.name, ""

    def parts(self) -> tuple[Evidence, ...]:
        """What there is beside the judge, and what there is not; for a look at the installation."""
        present = {
            "faces": self._faces,
            "written": self._lettering,
            "hash-lists": self._hash_lists,
            "spoken": self._listening.transcriber if self._listening else None,
        }
        looking = tuple(
            self._missing(name)
            if part is None
            else Evidence(
                examiner=name, state="examined", model_id=part.id, model_digest=getattr(part, "digest", "")
            )
            for name, part in present.items()
        )
        judges = ((member.name, member.judge) for member in self._panel.members)
        return looking + tuple(
            Evidence(examiner=name, state="examined", model_id=judge.id, model_digest=judge.digest)
            for name, judge in judges
        )

    def judge_text(self, text: str, *, stage: Stage = "prompt", context: Context = NOWHERE) -> Decision:
        """Decide on a text. The panel is asked where the policy alone would not block; rules then see what it says.

        Raises:
            PromptError: as the judge.
        """
        seen = self._judge.read(text, stage=stage, context=context)
        base = self._judge.decide(seen)
        own = Evidence(
            examiner="prompt-classifier",
            state="examined",
            model_id=base.model_id,
            model_digest=base.model_digest,
            action=base.action,
        )
        if base.action is Action.BLOCK:
            skipped = [Evidence(examiner=member.name, state="skipped") for member in self._panel.members]
            return combine(self.policy, [base], [own, *skipped])
        heard = self._panel.hear(text)
        if heard and self.policy.judges:
            base = self._judge.decide(seen, {one.member.name: one.said for one in heard})
        decisions = [base, *(found for one in heard for found in self._objections(base, one))]
        return combine(self.policy, decisions, [own, *(_heard_of(one) for one in heard)])

    def judge_frames(
        self,
        frames: Iterable[Picture],
        *,
        stage: Literal["input", "output"] = "output",
        context: Context = NOWHERE,
        sound: bytes | None = None,
    ) -> Decision:
        """Decide on pictures, on the text in them, and on what is said. Holds few pictures at a time.

        Args:
            frames: Pictures (h, w, 3) uint8 RGB, in their order.
            stage: ``input`` for what a user sent, ``output`` for what was generated.
            context: The circumstances, as far as they are known.
            sound: The clip's sound as a WAV file; None if it has none.

        Raises:
            PolicyError: as the judge.
        """
        look = Look(self._faces, self._lettering, self._hash_lists)
        base = self._judge.judge_frames(look.over(frames), stage=stage, context=context)
        own = Evidence(
            examiner="pictures",
            state="examined",
            model_id=base.model_id,
            model_digest=base.model_digest,
            action=base.action,
            scores=base.scores,
        )
        decisions, evidence = [base], [own, self._face_seen(look)]
        for found, item in (
            self._known(base, look),
            self._written(base, look),
            self._spoken(base, sound),
        ):
            decisions += found
            evidence.append(item)
        return combine(self.policy, decisions, evidence)

    def shows_face(self, picture: Picture) -> bool | None:
        """Whether a picture shows a face; None where nobody looks, and then it is not trusted to show none."""
        return None if self._faces is None else self._faces.score(picture) >= FACE

    def _settings(self, base: Decision) -> dict[Category, CategoryPolicy]:
        return effective(self.policy, self.policy.overlays_of(base.context))

    def _objections(self, base: Decision, heard: Heard) -> list[Decision]:
        """What follows from one judge's answer, or from its silence; the floor's part stands by itself."""
        member, opinion = heard.member, heard.opinion
        if opinion is None:
            return (
                []
                if member.on_failure == "ignore"
                else [self._unavailable(base, member.name, member.on_failure)]
            )
        if member.role == "advisory":
            return []
        settings = self._settings(base)
        actions = {c: member.action(c, opinion) for c in CATEGORIES if settings[Category(c)].enabled}
        acting: list[str] = []
        for wanted in (Action.BLOCK, Action.REVIEW):
            acting += foremost(
                {
                    category: RULED if category in opinion.flagged else opinion.scores.get(category, 0.0)
                    for category, action in actions.items()
                    if action is wanted
                }
            )
        parts = [[c for c in acting if c in FLOOR], [c for c in acting if c not in FLOOR]]
        return [
            self._objection(base, member, {c: actions[c] for c in part}, settings) for part in parts if part
        ]

    def _objection(
        self,
        base: Decision,
        member: Member,
        actions: dict[str, Action],
        settings: dict[Category, CategoryPolicy],
    ) -> Decision:
        """Scores are at least the threshold that the action stands for, as where a rule fires."""
        scores: dict[str, float] = {}
        for category, action in actions.items():
            limits = settings[Category(category)].text
            stands_for = limits.block if action is Action.BLOCK else limits.review
            scores[category] = max(stands_for, base.scores.get(category, 0.0))
        first, action = next(iter(actions.items()))
        words = settings[Category(first)].user_text if action is Action.BLOCK else self.policy.review_text
        return objecting(base, action, f"judge.{member.name}.{first}", scores, words.model_dump())

    def _unavailable(self, base: Decision, name: str, action: Literal["block", "review"]) -> Decision:
        words = UNAVAILABLE if action == "block" else self.policy.review_text.model_dump()
        return objecting(base, Action(action), f"unavailable.{name}", {}, words)

    def _face_seen(self, look: Look) -> Evidence:
        if self._faces is None:
            return self._missing("faces")
        return _examined("faces", self._faces, scores={"face": look.face})

    def _known(self, base: Decision, look: Look) -> tuple[list[Decision], Evidence]:
        if self._hash_lists is None:
            return [], self._missing("hash-lists")
        hit = look.hit
        if hit is None:
            return [], Evidence(examiner="hash-lists", state="examined", model_id="pdq", action=Action.ALLOW)
        words = self._settings(base)[hit.category].user_text.model_dump()
        found = objecting(base, Action.BLOCK, f"hash.{hit.list}", {hit.category.value: 1.0}, words)
        item = Evidence(
            examiner="hash-lists",
            state="examined",
            model_id="pdq",
            action=Action.BLOCK,
            scores={hit.category: 1.0},
        )
        return [found], item

    def _written(self, base: Decision, look: Look) -> tuple[list[Decision], Evidence]:
        if self._lettering is None:
            return [], self._missing("written")
        found = self._relayed("written", base, "\n".join(look.lines))
        return found, _examined("written", self._lettering, action=_strictest(found), code=_nothing(found))

    def _spoken(self, base: Decision, sound: bytes | None) -> tuple[list[Decision], Evidence]:
        if self._listening is None:
            return [], self._missing("spoken")
        if sound is None:
            return [], Evidence(examiner="spoken", state="skipped", code="no_sound")
        transcriber = self._listening.transcriber
        try:
            words = transcriber.transcribe(sound)
        except JudgeError as error:
            item = Evidence(examiner="spoken", state="failed", model_id=transcriber.id, code=error.code)
            return [self._unavailable(base, "spoken", self._listening.on_failure)], item
        found = self._relayed("spoken", base, words)
        return found, _examined("spoken", transcriber, action=_strictest(found), code=_nothing(found))

    def _relayed(self, source: str, base: Decision, text: str) -> list[Decision]:
        """Decisions on text that nobody typed: without what cannot be read, and in stretches that the policy takes."""
        readable = "".join(letter for letter in text if letter in "\n\t" or letter.isprintable()).strip()
        most = self.policy.limits.max_code_points
        step = max(1, most - most // 20)
        found = []
        for start in range(0, len(readable), step):
            try:
                part = self.judge_text(readable[start : start + most], stage=base.stage, context=base.context)
            except PromptError as error:
                if error.code != "prompt_empty":
                    raise
                continue  # signs without a word
            found.append(relayed(source, part))
        return found

    def _missing(self, name: str) -> Evidence:
        return Evidence(examiner=name, state="absent", code=self._absent.get(name, "not_configured"))


def _examined(name: str, part: Named, **found: object) -> Evidence:
    return Evidence.model_validate(
        {"examiner": name, "state": "examined", "model_id": part.id, "model_digest": part.digest, **found}
    )


def _heard_of(heard: Heard) -> Evidence:
    member = heard.member
    named = {"examiner": member.name, "model_id": member.judge.id, "model_digest": member.judge.digest}
    if heard.opinion is None:
        return Evidence.model_validate({**named, "state": "failed", "code": heard.failure})
    opinion = heard.opinion
    wanted = max(
        (member.action(category, opinion) for category in CATEGORIES), key=lambda action: action.rank
    )
    scores = {category: round(score, 6) for category, score in opinion.scores.items()}
    return Evidence.model_validate(
        {**named, "state": "examined", "action": wanted, "scores": scores, "code": member.role}
    )


def _strictest(found: list[Decision]) -> Action | None:
    return max((decision.action for decision in found), key=lambda action: action.rank, default=None)


def _nothing(found: list[Decision]) -> str:
    return "" if found else _FOUND_NOTHING
