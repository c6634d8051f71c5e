"""Fields of a body, checked one by one; errors name the field and never repeat its value."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from guard.api.errors import ApiError

_ID = re.compile(r"[a-z]{1,16}_[0-9a-z]{26}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_SEED = 2**31 - 1


def text(values: dict[str, Any], name: str, *, most: int | None = None) -> str | None:
    """An optional text; of one with a length, which is kept as it is, also that it can be stored.

    Raises:
        ApiError: ``invalid_type``, ``value_too_long``, ``invalid_value``.
    """
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ApiError(400, "invalid_type", f"{name} must be a string.", param=name)
    if most is not None and len(value) > most:
        raise ApiError(400, "value_too_long", f"{name} may have at most {most} characters.", param=name)
    if most is not None and _UNSTORABLE.search(value):
        raise ApiError(400, "invalid_value", f"{name} holds characters that are no text.", param=name)
    return value


def required_text(values: dict[str, Any], name: str, *, most: int | None = None) -> str:
    """A text that must be there; it may be empty, which is for the caller to judge.

    Raises:
        ApiError: ``missing_required_parameter`` and those of `text`.
    """
    value = text(values, name, most=most)
    if value is None:
        raise ApiError(400, "missing_required_parameter", f"{name} is required.", param=name)
    return value


def whole(values: dict[str, Any], name: str, *, least: int = 0, most: int = _MAX_SEED) -> int | None:
    """An optional whole number in a range, as JSON number or as digits in a string.

    Raises:
        ApiError: ``invalid_type``, ``invalid_value``.
    """
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ApiError(400, "invalid_type", f"{name} must be a whole number.", param=name)
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 10):
            raise ApiError(400, "invalid_value", f"{name} must be a whole number.", param=name)
        value = int(value)
    if not least <= value <= most:
        raise ApiError(400, "invalid_value", f"{name} must lie between {least} and {most}.", param=name)
    return value


def yes_or_no(values: dict[str, Any], name: str) -> bool:
    """An optional truth, as JSON true or false or as that word in a form; no if it is left out.

    Raises:
        ApiError: ``invalid_type``.
    """
    value = values.get(name)
    known: dict[object, bool] = {None: False, True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str | None) or value not in known:
        raise ApiError(400, "invalid_type", f"{name} must be true or false.", param=name)
    return known[value]


def only_known(values: dict[str, Any], known: Collection[str]) -> None:
    """Refuse what would otherwise be silently without effect.

    Raises:
        ApiError: ``unknown_parameter``; says what is known, since names of unknown ones are user content.
    """
    if not values.keys() <= set(known):
        raise ApiError(
            400,
            "unknown_parameter",
            f"There is an unknown field; this request knows {', '.join(sorted(known))}.",
        )


def identifier(value: str, kind: str, *, also: Collection[str] = (), param: str | None = None) -> str:
    """An id out of a path or out of the parameter `param`; what cannot be one never reaches the database.

    Raises:
        ApiError: ``not_found``.
    """
    prefix = value.partition("_")[0]
    if _ID.fullmatch(value) is None or prefix not in (kind, *also):
        raise ApiError(404, "not_found", f"There is no such {kind}.", param=param)
    return value
