"""What changes when one policy takes the place of another, in the policy's own terms."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from policies.decision import Action
from policies.document import Overlay, Policy, Rule, TextList, Thresholds

Effect = Literal["stricter", "looser", "either"]


class Change(BaseModel):
    """One difference.

    Attributes:
        where: Path in the document, such as ``categories.sexual.text.block``.
        kind: ``added``, ``removed`` or ``changed``.
        effect: Which way it moves decisions, as far as one can tell without a prompt.
        before: The old value; None if there was none.
        after: The new one; None if there is none.
    """

    model_config = ConfigDict(frozen=True)

    where: str
    kind: Literal["added", "removed", "changed"]
    effect: Effect = "either"
    before: Any = None
    after: Any = None


def differences(old: Policy, new: Policy) -> list[Change]:
    """All differences, in the document's order; none if both decide alike on everything."""
    changes: list[Change] = []
    for name in ("id", "version", "audience", "gazetteers"):
        changes += _value(name, getattr(old, name), getattr(new, name))
    changes += _value("judges", list(old.judges), list(new.judges))
    changes += _value("mode", old.mode, new.mode, "looser" if new.mode == "shadow" else "stricter")
    changes += _value(
        "limits.max_code_points",
        old.limits.max_code_points,
        new.limits.max_code_points,
        "stricter" if new.limits.max_code_points < old.limits.max_code_points else "looser",
    )
    changes += _words("title", old.title, new.title)
    changes += _words("allowed_text", old.allowed_text, new.allowed_text)
    changes += _words("review_text", old.review_text, new.review_text)
    changes += _value("notes", old.notes, new.notes)
    for category, before in old.categories.items():
        after, where = new.categories[category], f"categories.{category.value}"
        effect: Effect = "stricter" if after.enabled else "looser"
        changes += _value(f"{where}.enabled", before.enabled, after.enabled, effect)
        for kind in ("text", "frames"):
            changes += _thresholds(f"{where}.{kind}", getattr(before, kind), getattr(after, kind))
        changes += _words(f"{where}.severity", before.severity, after.severity)
        changes += _words(f"{where}.user_text", before.user_text, after.user_text)
        changes += _words(f"{where}.description", before.description, after.description)
    changes += _each("lists", old.lists, new.lists, _list)
    changes += _each("rules", _by_id(old.rules), _by_id(new.rules), _rule)
    changes += _each("overlays", _by_id(old.overlays), _by_id(new.overlays), _overlay)
    changes += _each("cases", _by_id(old.cases), _by_id(new.cases), _case)
    return changes


def _by_id(entries: tuple[Any, ...]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}


def _value(where: str, before: object, after: object, effect: Effect = "either") -> list[Change]:
    if before == after:
        return []
    return [Change(where=where, kind="changed", effect=effect, before=before, after=after)]


def _words(where: str, before: BaseModel | None, after: BaseModel | None) -> list[Change]:
    plain = [None if value is None else value.model_dump(mode="json") for value in (before, after)]
    return _value(where, plain[0], plain[1])


def _thresholds(where: str, before: Thresholds | None, after: Thresholds | None) -> list[Change]:
    changes: list[Change] = []
    for limit in ("review", "block"):
        one, other = getattr(before, limit, None), getattr(after, limit, None)
        # Without thresholds of its own an overlay leaves the document's: it could only have lowered them.
        down = other is not None and (one is None or other < one)
        changes += _value(f"{where}.{limit}", one, other, "stricter" if down else "looser")
    return changes


def _each(where: str, old: Mapping[str, Any], new: Mapping[str, Any], compare: Any) -> Iterator[Change]:
    for name, before in old.items():
        if name not in new:
            yield Change(where=f"{where}.{name}", kind="removed", effect=_turned(_weight(before)))
        else:
            yield from compare(f"{where}.{name}", before, new[name])
    for name, after in new.items():
        if name not in old:
            yield Change(where=f"{where}.{name}", kind="added", effect=_weight(after))


def _weight(entry: object) -> Effect:
    """Which way it moves decisions that an entry is there."""
    if isinstance(entry, Rule):
        return "looser" if entry.action is Action.ALLOW else "stricter"
    if isinstance(entry, Overlay):
        return "either" if entry.relaxes else "stricter"
    return "either"


def _turned(effect: Effect) -> Effect:
    return {"stricter": "looser", "looser": "stricter", "either": "either"}[effect]  # type: ignore[return-value]


def _list(where: str, before: TextList, after: TextList) -> Iterator[Change]:
    for name in ("phrases", "patterns", "allow", "near"):
        one, other = getattr(before, name), getattr(after, name)
        for entry in one:
            if entry not in other:
                yield Change(where=f"{where}.{name}", kind="removed", before=entry)
        for entry in other:
            if entry not in one:
                yield Change(where=f"{where}.{name}", kind="added", after=entry)
    if before.near or after.near:
        yield from _value(f"{where}.within", before.within, after.within)
    yield from _value(f"{where}.longest", before.longest, after.longest)
    yield from _value(f"{where}.about", before.about, after.about)


def _rule(where: str, before: Rule, after: Rule) -> Iterator[Change]:
    harder: Effect = "stricter" if after.action.rank > before.action.rank else "looser"
    yield from _value(f"{where}.action", before.action.value, after.action.value, harder)
    yield from _value(f"{where}.when", before.when, after.when)
    yield from _value(f"{where}.category", before.category, after.category)
    yield from _value(f"{where}.lowers", list(before.lowers), list(after.lowers))
    yield from _words(f"{where}.user_text", before.user_text, after.user_text)
    yield from _value(f"{where}.about", before.about, after.about)


def _overlay(where: str, before: Overlay, after: Overlay) -> Iterator[Change]:
    for name in ("region", "audience", "tenant", "notes"):
        yield from _value(f"{where}.{name}", getattr(before, name), getattr(after, name))
    for category in sorted({*before.categories, *after.categories}):
        one, other = before.categories.get(category), after.categories.get(category)
        place = f"{where}.categories.{category.value}"
        for kind in ("text", "frames"):
            yield from _thresholds(f"{place}.{kind}", getattr(one, kind, None), getattr(other, kind, None))
        yield from _words(
            f"{place}.user_text", getattr(one, "user_text", None), getattr(other, "user_text", None)
        )
    yield from _each(f"{where}.rules", _by_id(before.rules), _by_id(after.rules), _rule)


def _case(where: str, before: BaseModel, after: BaseModel) -> Iterator[Change]:
    yield from _words(where, before, after)
