"""What a rule can ask about besides the text itself: the request's circumstances, and names that were found."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from policies.normalise import Normalised

Audience = Literal["general", "adult_only", "under_18"]
Medium = Literal["video", "image", "text"]
Region = Literal["EU", "US", "UK", "IN", "CN", "KR"]


class Context(BaseModel):
    """The circumstances of a request, as far as the caller knows them.

    Attributes:
        audience: Whom the result is for; None takes the policy's. ``adult_only`` is the operator's word that
            ages are checked.
        medium: What is to be made; ``text`` where nothing is.
        regions: Where the result is offered, so whose law counts; every overlay of these applies.
        tenant: The tenant's name; empty if nobody in particular.
        has_reference: Whether a picture or clip comes along.
        reference_has_face: Whether a face was found in it; None if nobody looked.
        reference_is_person: Whether the user says that it shows a real person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience: Audience | None = None
    medium: Medium = "video"
    regions: tuple[Region, ...] = ()
    tenant: str = ""
    has_reference: bool = False
    reference_has_face: bool | None = None
    reference_is_person: bool = False


class NameHit(Protocol):
    """A named entity in a text.

    ``kind`` is one of ``NAME_KINDS``; ``entry`` is the gazetteer's identifier, ``role`` what it is
    (``head_of_government``, ``musician``), ``country`` two letters, ``EU``, or ``XX`` for none; ``start`` and ``end``
    are code points of the original text.
    """

    @property
    def entry(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def country(self) -> str: ...  # noqa: D102
    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102


class NameFinder(Protocol):
    """Finds named entities."""

    def find(self, text: Normalised) -> Sequence[NameHit]:
        """All of them, in the order of the text."""
        ...


NAME_KINDS = ("person", "character", "brand", "artist", "party", "election")
NAME_PREFIX = "names."
NAME_LISTS = tuple(NAME_PREFIX + kind for kind in NAME_KINDS)
"""Lists that the gazetteers fill, one for each kind of name; rules and other lists refer to them like to any."""


def context_values(context: Context, language: str, stage: str) -> dict[str, Any]:
    """The circumstances under their names in expressions."""
    return {
        "audience": context.audience or "general",
        "medium": context.medium,
        "regions": list(context.regions),
        "tenant": context.tenant,
        "has_reference": context.has_reference,
        "reference_has_face": context.reference_has_face is True,
        "reference_is_person": context.reference_is_person,
        "reference_unexamined": context.has_reference and context.reference_has_face is None,
        "language": language,
        "stage": stage,
    }


def name_values(hits: Sequence[NameHit]) -> list[dict[str, str]]:
    """Names as expressions see them."""
    return [{"entry": hit.entry, "kind": hit.kind, "country": hit.country, "role": hit.role} for hit in hits]
