"""The pages' languages: which one a reader gets, its texts, and how it writes numbers and times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Literal, get_args

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_DEFAULT: Language = "en"


def choose(asked: str | None, accept: str | None) -> Language:
    """The language for a reader.

    Args:
        asked: by the address (``?lang=``); counts if we have it.
        accept: the browser's ``Accept-Language``.
    """
    if (known := _known(asked or "")) is not None:
        return known
    wishes: list[tuple[float, Language]] = []
    for part in (accept or "").split(",")[:16]:
        tag, _, weight = part.partition(";")
        language = _known(tag)
        if language is not None and (quality := _quality(weight)) > 0:
            wishes.append((quality, language))
    # Of equals the first one counts, as the reader listed them.
    return max(wishes, key=lambda wish: wish[0], default=(0.0, _DEFAULT))[1]


def _known(tag: str) -> Language | None:
    primary = tag.strip().lower().partition("-")[0]
    return next((language for language in LANGUAGES if language == primary), None)


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """All texts of a language by key."""
    text = resources.files(__package__).joinpath("texts", f"{language}.json").read_text("utf-8")
    texts: dict[str, str] = json.loads(text)
    return texts


class Speaker:
    """Says things in one language.

    Args:
        language: which.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = catalogue(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key.

        Raises:
            KeyError: there is none; the tests see to it that this does not happen.
        """
        return self._texts[key].format(**values)

    def name(self, kind: str, code: str) -> str:
        """The name of a code that comes out of a file; the code itself where we know no name."""
        return self._texts.get(f"{kind}.{code}", code)

    def number(self, value: float, digits: int = 0) -> str:
        """A number with thousands apart and the language's decimal mark."""
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "de" else text

    def size(self, count: int) -> str:
        """Bytes in the largest decimal unit that leaves a whole part."""
        value, units = float(count), ("kB", "MB", "GB")
        if count < 1000:
            return f"{count} B"
        for unit in units:
            value /= 1000
            if value < 999.95 or unit == units[-1]:
                break
        return f"{self.number(value, 1)} {unit}"

    def limit(self, count: int) -> str:
        """The most bytes that are taken: a round figure, in binary units where only those are round."""
        for base, units in ((1000, ("kB", "MB", "GB")), (1024, ("KiB", "MiB", "GiB"))):
            for power, unit in reversed(list(enumerate(units, 1))):
                if count >= base**power and count % base**power == 0:
                    return f"{self.number(count // base**power)} {unit}"
        return self.size(count)

    def rate(self, fps: Fraction) -> str:
        """Pictures a second, with as many digits as it needs."""
        return self.number(float(fps), 0 if fps.denominator == 1 else 2)

    def date(self, day: str) -> str:
        """An ISO date; text that is none stays as it is."""
        try:
            parsed = date.fromisoformat(day)
        except ValueError:
            return day
        return self("date", day=parsed.day, month=self(f"month.{parsed.month}"), year=parsed.year)

    def time(self, moment: datetime | str) -> str:
        """A moment, in UTC; text that is no time stays as it is."""
        if isinstance(moment, str):
            text = moment
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return text
        # Without a zone a file's time could be anybody's: it is shown as UTC, which the C2PA format prescribes.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return self(
            "time",
            day=moment.day,
            month=self(f"month.{moment.month}"),
            year=moment.year,
            clock=f"{moment:%H:%M}",
        )
