"""The schema of a policy document.

A document is one YAML file. Lists say what is looked for in the text; they work on normalised text (see
``policies.normalise``): phrases are normalised when they are read, patterns are regular expressions over
lower-case text with ``ae oe ue ss``. Rules say, in CEL, what follows from what was found.
"""

import hashlib
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Action
from policies.expressions import RESERVED
from policies.patterns import check_pattern
from policies.signals import NAME_LISTS, Audience, Context, Region
from policies.taxonomy import CATEGORIES, FLOOR, Category

Probability = Annotated[float, Field(ge=0, le=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Phrase = Annotated[str, Field(min_length=2, max_length=200, pattern=r"[^\s*]")]
JudgeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=64)]
Expression = Annotated[str, Field(min_length=1, max_length=2000)]
Notes = Annotated[str, Field(max_length=4000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Model):
    """One text in both languages."""

    en: Annotated[str, Field(min_length=1, max_length=2000)]
    de: Annotated[str, Field(min_length=1, max_length=2000)]


class Thresholds(_Model):
    """From which score on a person looks at it, and from which it is blocked."""

    review: Probability
    block: Probability

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.review > self.block:
            raise ValueError("review must not lie above block")
        return self


class SeverityCuts(_Model):
    """Scores from which a severity is low, medium, high."""

    low: Probability
    medium: Probability
    high: Probability

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.medium <= self.high:
            raise ValueError("severity cuts must rise: low, medium, high")
        return self

    def name(self, score: float) -> str:
        """The severity of a score."""
        if score >= self.high:
            return "high"
        if score >= self.medium:
            return "medium"
        return "low" if score >= self.low else "none"


class CategoryPolicy(_Model):
    """What one category means and when it acts."""

    description: Words
    enabled: bool = True
    text: Thresholds
    frames: Thresholds
    severity: SeverityCuts
    user_text: Words


class TextList(_Model):
    """What is looked for in a text, under a name that rules use as ``found.NAME``.

    Attributes:
        about: What it is for.
        phrases: Words in a row; ``*`` at a word's end or beginning matches any continuation, alone it is any one word.
        patterns: Regular expressions.
        allow: Phrases in which the words of this list mean something else: what lies in one does not count.
        near: Other lists instead, of each of which something is found within ``within`` words.
        within: The most words between them.
        longest: Words of the longest text in which it counts; None for any. Of a long text one word of context says
            little about the rest, so what excuses should not be looked for there.
    """

    about: str = ""
    phrases: tuple[Phrase, ...] = ()
    patterns: tuple[Phrase, ...] = ()
    allow: tuple[Phrase, ...] = ()
    near: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1, le=100)] = 10
    longest: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _filled(self) -> Self:
        if bool(self.near) == bool(self.phrases or self.patterns):
            raise ValueError("a list has phrases and patterns, or it has 'near'")
        if self.near and (len(self.near) < 2 or self.allow):
            raise ValueError("'near' needs at least two lists, and their own 'allow' counts")
        for pattern in self.patterns:
            check_pattern(pattern)
        return self


class Rule(_Model):
    """What follows when a condition is met.

    Attributes:
        id: Stable name; appears in decisions.
        about: For the operator: what it is for.
        category: What a ``block`` or ``review`` rule acts on.
        action: ``block``, ``review``, or ``allow``, which lowers a review of the categories in ``lowers`` to
            allow and never touches a block.
        when: The condition, in CEL.
        lowers: See ``action``.
        user_text: Said to the user instead of the category's words, where this rule decides a block.
    """

    id: Identifier
    about: Annotated[str, Field(min_length=1, max_length=500)]
    category: Category | None = None
    action: Action
    when: Expression
    lowers: tuple[Category, ...] = ()
    user_text: Words | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.action is Action.ALLOW:
            if not self.lowers or self.category is not None:
                raise ValueError("an allow rule has 'lowers' and no 'category'")
            if floor := sorted(FLOOR.intersection(self.lowers)):
                raise ValueError(f"an allow rule cannot lower the floor category {floor[0]}")
        elif self.category is None or self.lowers:
            raise ValueError("a review or block rule has a 'category' and no 'lowers'")
        return self


class OverlayCategory(_Model):
    """Thresholds of a category under an overlay; what is left out stays."""

    text: Thresholds | None = None
    frames: Thresholds | None = None
    user_text: Words | None = None


class Overlay(_Model):
    """What differs for one region, audience or tenant.

    Overlays tighten: they lower thresholds and add review and block rules. One alone may raise thresholds, and
    never of the floor: that of the audience ``adult_only``.

    Attributes:
        id: Stable name; appears in decisions.
        region, audience, tenant: For whom; exactly one of them.
        notes: For the operator: why, with sources.
        categories: Thresholds; naming a category switches it on.
        rules: Further rules.
    """

    id: Identifier
    region: Region | None = None
    audience: Audience | None = None
    tenant: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    notes: Notes = ""
    categories: dict[Category, OverlayCategory] = {}
    rules: tuple[Rule, ...] = ()

    @property
    def relaxes(self) -> bool:
        """Whether its thresholds may lie above the document's."""
        return self.audience == "adult_only"

    def applies(self, context: Context) -> bool:
        """Whether it counts under these circumstances."""
        return (
            self.region in context.regions
            or (self.audience is not None and self.audience == context.audience)
            or (self.tenant is not None and self.tenant == context.tenant)
        )

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if sum(value is not None for value in (self.region, self.audience, self.tenant)) != 1:
            raise ValueError("an overlay is for one region, one audience or one tenant")
        if any(rule.action is Action.ALLOW for rule in self.rules):
            raise ValueError("an overlay adds review and block rules, no allow rules")
        return self


class Limits(_Model):
    """Limits on what is judged."""

    max_code_points: Annotated[int, Field(ge=1, le=32_000)] = 32_000


class Said(_Model):
    """What a further judge says of a case's text; made up by whoever wrote the case."""

    scores: dict[Category, Probability] = {}
    flagged: tuple[Category, ...] = ()


class Case(_Model):
    """A test case that the document carries about itself.

    Attributes:
        judges: What further judges say, by name; None for one that does not answer. Nobody is asked if left out.
    """

    id: Identifier
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    language: Literal["en", "de"]
    expect: Action
    category: Category | None = None
    context: Context = Context()
    judges: dict[JudgeName, Said | None] | None = None


class PolicyDocument(_Model):
    """The fields of a policy document, valid in themselves."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    mode: Literal["enforce", "shadow"] = "enforce"
    audience: Audience = "general"
    notes: Notes = ""
    limits: Limits = Limits()
    judges: tuple[JudgeName, ...] = ()
    """Further judges that rules may name; whoever applies the policy must have them."""
    allowed_text: Words
    review_text: Words = Words(
        en="A person will look at this request before it goes on.",
        de="Diese Anfrage wird zuerst von einem Menschen geprüft.",
    )
    categories: dict[Category, CategoryPolicy]
    lists: dict[ListName, TextList] = {}
    rules: tuple[Rule, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    cases: tuple[Case, ...] = ()

    _known_elsewhere: ClassVar[tuple[str, ...]] = ("floor.",)  # lists that the floor brings

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [name for name in CATEGORIES if name not in self.categories]:
            raise ValueError(f"categories lack {', '.join(missing)}")
        _all_different("rule", [rule.id for rule in self.all_rules])
        _all_different("overlay", [overlay.id for overlay in self.overlays])
        _all_different("case", [case.id for case in self.cases])
        if reserved := RESERVED.intersection(self.judges):
            raise ValueError(
                f"rules cannot name the judge {min(reserved)}, a word of the expressions' language"
            )
        for case in self.cases:
            if case.judges is not None and (unknown := sorted(set(case.judges).difference(self.judges))):
                raise ValueError(f"case {case.id} names the judge {unknown[0]}, which 'judges' does not list")
        for name, entry in self.lists.items():
            if reserved := RESERVED.intersection(name.split(".")):
                raise ValueError(f"list {name} uses {min(reserved)}, a word of the expressions' language")
            for other in entry.near:
                known = other in NAME_LISTS or other.startswith(self._known_elsewhere)
                if other in self.lists and self.lists[other].near:
                    raise ValueError(f"list {name} is near the list {other}, which is a 'near' itself")
                if other not in self.lists and not known:
                    raise ValueError(f"list {name} names the list {other}, which does not exist")
        return self

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The document's rules and its overlays'."""
        return (*self.rules, *(rule for overlay in self.overlays for rule in overlay.rules))


class Policy(PolicyDocument):
    """A policy document joined with the floor; what the judge applies. Made by ``load_policy``.

    Attributes:
        gazetteers: Digest of the lists of names that rules rely on.
    """

    gazetteers: str = ""

    _known_elsewhere: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def digest(self) -> str:
        """``sha256:`` digest of the canonical JSON (RFC 8785) of document, floor and gazetteers together."""
        canonical = rfc8785.dumps(self.model_dump(mode="json"))
        return "sha256:" + hashlib.sha256(canonical).hexdigest()

    def overlays_of(self, context: Context) -> tuple[Overlay, ...]:
        """The overlays that count under these circumstances, in the document's order."""
        context = self.placed(context)
        return tuple(overlay for overlay in self.overlays if overlay.applies(context))

    def placed(self, context: Context) -> Context:
        """The circumstances, with the document's audience where the caller names none."""
        if context.audience is not None:
            return context
        return context.model_copy(update={"audience": self.audience})


def _all_different(kind: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{kind} id {twice[0]} is used twice")


def effective(policy: Policy, overlays: tuple[Overlay, ...]) -> dict[Category, CategoryPolicy]:
    """The categories as they stand under these overlays: what relaxes first, then the strictest of the others."""
    categories = dict(policy.categories)
    for overlay in sorted(overlays, key=lambda overlay: not overlay.relaxes):
        for name, change in overlay.categories.items():
            base = categories[name]
            update: dict[str, object] = {"enabled": True}
            for kind in ("text", "frames"):
                new = getattr(change, kind)
                if new is not None:
                    update[kind] = new if overlay.relaxes else stricter(getattr(base, kind), new)
            if change.user_text is not None:
                update["user_text"] = change.user_text
            categories[name] = base.model_copy(update=update)
    return categories


def stricter(one: Thresholds, other: Thresholds) -> Thresholds:
    """The lower of both thresholds each."""
    return Thresholds(review=min(one.review, other.review), block=min(one.block, other.block))
