"""One decision out of several: the strictest counts, and nothing that one of them found is lost."""

import hashlib
from collections.abc import Iterable, Sequence

from policies.decision import Action, Decision, Evidence, Unenforced, because
from policies.document import Policy
from policies.taxonomy import CATEGORIES, FLOOR, Category

UNAVAILABLE = {
    "en": "This request could not be checked completely, so it was stopped. Please try again later.",
    "de": "Diese Anfrage konnte nicht vollständig geprüft werden und wurde deshalb angehalten. Bitte versuchen Sie es"
    " später noch einmal.",
}


def combine(policy: Policy, decisions: Sequence[Decision], evidence: Iterable[Evidence] = ()) -> Decision:
    """The strictest decision, with the categories, scores, rules and evidence of all.

    Among equally strict ones the first that speaks of the floor before all else counts, else the first.

    Args:
        policy: Under which they were made.
        decisions: At least one; the first is the one that the others add to.
        evidence: Of examiners that made no decision of their own.
    """
    winner = min(decisions, key=lambda d: (-d.action.rank, not FLOOR.intersection(d.categories[:1])))
    objections = [decision for decision in decisions if decision.action is not Action.ALLOW]
    others = [category for decision in decisions for category in decision.categories]
    scores: dict[str, float] = {}
    for decision in decisions:
        for category, score in decision.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
    scores = {category: scores[category] for category in CATEGORIES if category in scores}
    seen = (*(item for decision in decisions for item in decision.evidence), *evidence)
    return winner.model_copy(
        update={
            "categories": tuple(dict.fromkeys((*winner.categories, *others))),
            "scores": scores,
            "severities": {c: policy.categories[Category(c)].severity.name(s) for c, s in scores.items()},
            "matches": tuple(dict.fromkeys(match for decision in decisions for match in decision.matches)),
            "operator_text": "; ".join(dict.fromkeys(one.operator_text for one in (winner, *objections))),
            "shadow": _shadow(decisions),
            "evidence": seen,
            **_models(decisions[0], seen),
        }
    )


def objecting(
    base: Decision, action: Action, reason: str, scores: dict[str, float], user_text: dict[str, str]
) -> Decision:
    """An examiner's objection, as a decision under the same circumstances as ``base``.

    Under a policy in shadow mode only objections that speak of the floor are enforced, and of that alone.

    Args:
        base: What was decided without it.
        action: What it asks for.
        reason: Stable code.
        scores: Of the categories that it objects to, strictest first; empty if it cannot say to what.
        user_text: Words for the user, by language.
    """
    watched = base.mode == "shadow"
    found = Unenforced(action=action, reason=reason, categories=tuple(scores))
    if watched and FLOOR.isdisjoint(scores):
        action, reason, user_text = Action.ALLOW, base.reason, base.user_text
    return base.model_copy(
        update={
            "action": action,
            "reason": reason,
            "categories": () if action is Action.ALLOW else tuple(scores),
            "scores": scores,
            "matches": (),
            "shadow": found if watched else None,
            "user_text": user_text,
            "operator_text": because(action, reason),
            "evidence": (),
        }
    )


def relayed(source: str, decision: Decision) -> Decision:
    """A decision on text that nobody typed: its reason says where it stood, and its spans point nowhere."""

    def placed(reason: str, action: Action) -> str:
        return reason if action is Action.ALLOW else f"{source}.{reason}"

    shadow = decision.shadow
    if shadow is not None:
        shadow = shadow.model_copy(update={"reason": placed(shadow.reason, shadow.action)})
    return decision.model_copy(
        update={
            "reason": placed(decision.reason, decision.action),
            "shadow": shadow,
            "matches": tuple(match.model_copy(update={"spans": ()}) for match in decision.matches),
            "operator_text": f"{source}: {decision.operator_text}",
        }
    )


def _shadow(decisions: Sequence[Decision]) -> Unenforced | None:
    """In shadow mode, the strictest of what the whole policy says."""
    found = [decision.shadow for decision in decisions if decision.shadow is not None]
    return max(found, key=lambda one: one.action.rank, default=None)


def _models(base: Decision, seen: Sequence[Evidence]) -> dict[str, str]:
    """Name and digest of all models that took part; where it is one alone, its own."""
    own = (base.model_id, base.model_digest)
    took_part = {(one.model_id, one.model_digest) for one in seen if one.state == "examined" and one.model_id}
    others = took_part - {own}
    if not others:
        return {"model_id": base.model_id, "model_digest": base.model_digest}
    lines = "".join(f"{digest or '-'}  {name}\n" for name, digest in sorted({*others, own}))
    return {
        "model_id": f"{base.model_id}+{len(others)}",
        "model_digest": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
    }
