"""The schema of a policy document.

A document is one YAML file. Rules work on normalised text (see ``policies.normalise``): phrases are
normalised when they are read, patterns are regular expressions over lower-case text with ``ae oe ue ss``.
"""

import hashlib
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Action
from policies.patterns import check_pattern
from policies.taxonomy import CATEGORIES, FLOOR, Category

Probability = Annotated[float, Field(ge=0, le=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Phrase = Annotated[str, Field(min_length=2, max_length=200)]


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


class PhraseList(_Model):
    """Named phrases and patterns that rules refer to. ``*`` at a word's end matches any continuation."""

    about: str = ""
    phrases: tuple[Phrase, ...] = ()
    patterns: tuple[Phrase, ...] = ()

    @model_validator(mode="after")
    def _filled(self) -> Self:
        if not self.phrases and not self.patterns:
            raise ValueError("a list needs phrases or patterns")
        for pattern in self.patterns:
            check_pattern(pattern)
        return self


class Rule(_Model):
    """One rule: lists of which any is found, or lists that are all found near each other.

    Attributes:
        id: Stable name; appears in decisions.
        action: ``block`` and ``review`` act on ``category``; ``allow`` lowers a review of the
            categories in ``lowers`` to allow and never touches a block.
        any: Lists; one occurrence of one of them fires the rule.
        near: Lists; one occurrence of each within ``within`` words fires the rule.
        unless: Lists; if one of them occurs anywhere, the rule does not fire.
    """

    id: Identifier
    about: Annotated[str, Field(min_length=1, max_length=500)]
    category: Category | None = None
    action: Action
    language: Literal["any", "en", "de"] = "any"
    any: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1, le=100)] = 10
    unless: tuple[str, ...] = ()
    lowers: tuple[Category, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.any) == bool(self.near):
            raise ValueError("a rule has either 'any' or 'near'")
        if self.near and len(self.near) < 2:
            raise ValueError("'near' needs at least two lists")
        if self.action is Action.ALLOW:
            if not self.lowers or self.category is not None:
                raise ValueError("an allow rule has 'lowers' and no 'category'")
            if floor := sorted(FLOOR.intersection(self.lowers)):
                raise ValueError(f"an allow rule cannot lower the floor category {floor[0]}")
        elif self.category is None or self.lowers:
            raise ValueError("a review or block rule has a 'category' and no 'lowers'")
        return self


class Limits(_Model):
    """Limits on what is judged."""

    max_code_points: Annotated[int, Field(ge=1, le=32_000)] = 32_000


class Case(_Model):
    """A test case that the document carries about itself."""

    id: Identifier
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    language: Literal["en", "de"]
    expect: Action
    category: Category | None = None


class PolicyDocument(_Model):
    """The fields of a policy document, valid in themselves."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    limits: Limits = Limits()
    allowed_text: Words
    review_text: Words = Words(
        en="A person will look at this request before it goes on.",
        de="Diese Anfrage wird zuerst von einem Menschen geprüft.",
    )
    categories: dict[Category, CategoryPolicy]
    lists: dict[str, PhraseList] = {}
    rules: tuple[Rule, ...] = ()
    cases: tuple[Case, ...] = ()

    _known_elsewhere: ClassVar[tuple[str, ...]] = ("floor.",)  # lists that the floor brings

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [name for name in CATEGORIES if name not in self.categories]:
            raise ValueError(f"categories lack {', '.join(missing)}")
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"rule id {rule.id} is used twice")
            seen.add(rule.id)
            for name in (*rule.any, *rule.near, *rule.unless):
                if name not in self.lists and not name.startswith(self._known_elsewhere):
                    raise ValueError(f"rule {rule.id} names the list {name}, which does not exist")
        return self


class Policy(PolicyDocument):
    """A policy document joined with the floor; what the judge applies. Made by ``load_policy``."""

    _known_elsewhere: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def digest(self) -> str:
        """``sha256:`` digest of the canonical JSON (RFC 8785) of document and floor together."""
        canonical = rfc8785.dumps(self.model_dump(mode="json"))
        return "sha256:" + hashlib.sha256(canonical).hexdigest()
