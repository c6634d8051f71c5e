"""From the library's JSON of a manifest to `ManifestClaims`, with every text tamed."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from guard.credentials import source_types
from guard.credentials.report import ClaimedAction, ClaimedBinding, ManifestClaims
from guard.credentials.trust import Trust

UNEXAMINED = frozenset({"cawg.ica.did_unavailable"})
"""Codes of an identity whose key would have to be asked for on the network: nothing is known to be wrong with it."""

_MAX_TEXT = 500
_MAX_ITEMS = 200
_MAX_VALUE = 65536


@dataclass(frozen=True)
class Codes:
    """Status codes of one manifest, and the texts in which the library names the list that it trusted."""

    success: tuple[str, ...] = ()
    informational: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    signer_trusted_by: tuple[str, ...] = ()
    time_trusted_by: tuple[str, ...] = ()


def validation_codes(results: object) -> Codes:
    """The codes of a status map; each once, in order."""
    if not isinstance(results, Mapping):
        return Codes()
    entries = [entry for entry in results.get("success") or () if isinstance(entry, Mapping)]
    return Codes(
        success=_codes(results.get("success")),
        informational=_codes(results.get("informational")),
        failures=_codes(results.get("failure")),
        signer_trusted_by=_explanations(entries, "signingCredential.trusted"),
        time_trusted_by=_explanations(entries, "timeStamp.trusted"),
    )


def _explanations(entries: Iterable[Mapping[str, Any]], code: str) -> tuple[str, ...]:
    return tuple(str(entry.get("explanation", "")) for entry in entries if entry.get("code") == code)


def _codes(entries: object) -> tuple[str, ...]:
    if not isinstance(entries, list):
        return ()
    found = (clean(entry.get("code")) for entry in entries[:5000] if isinstance(entry, Mapping))
    return tuple(dict.fromkeys(code for code in found if code))[:_MAX_ITEMS]


def manifest_claims(label: str, manifest: Mapping[str, Any], *, time_trusted: bool) -> ManifestClaims:
    """What a manifest says of itself.

    Args:
        label: of the manifest.
        manifest: as the library shows it.
        time_trusted: whether somebody we believe vouches for the time of its signature.
    """
    signature = manifest.get("signature_info") or {}
    actions = tuple(_actions(manifest))
    kinds = tuple(dict.fromkeys(a.digital_source_type for a in actions if a.digital_source_type))
    return ManifestClaims(
        manifest_id=clean(label),
        title=clean(manifest.get("title")),
        format=clean(manifest.get("format")),
        issuer=clean(signature.get("issuer")),
        signer=clean(signature.get("common_name")),
        claim_generator=_generator(manifest),
        signed_at=clean(signature.get("time")) if time_trusted else None,
        claimed_at=next((action.when for action in actions if action.when), None),
        actions=actions,
        digital_source_types=kinds,
        unknown_source_types=source_types.unknown(kinds),
        soft_bindings=tuple(_bindings(manifest)),
        ai_disclosure=next((_tame(data) for data in _data(manifest, "c2pa.ai-disclosure")), None),
        training_mining=_mining(manifest),
    )


def time_is_trusted(codes: Codes, trust: Trust) -> bool:
    """Whether one of our time-stamp lists vouches for the time; the library takes any anchor's word."""
    # The authority's own name comes before, so only the end of the text is the library's.
    return any(
        text.endswith(f", trust list: {uri}") for uri in trust.uris("tsa") for text in codes.time_trusted_by
    )


def _data(manifest: Mapping[str, Any], label: str) -> Iterable[Mapping[str, Any]]:
    for entry in manifest.get("assertions") or ():
        name = str(entry.get("label", ""))
        if (name == label or name.startswith((label + ".v", label + "__"))) and isinstance(
            entry.get("data"), Mapping
        ):
            yield entry["data"]


def _actions(manifest: Mapping[str, Any]) -> Iterable[ClaimedAction]:
    count = 0
    for data in _data(manifest, "c2pa.actions"):
        for action in data.get("actions") or ():
            if not isinstance(action, Mapping) or count >= _MAX_ITEMS:
                continue
            count += 1
            kind = clean(action.get("digitalSourceType"))
            yield ClaimedAction(
                action=clean(action.get("action")) or "unknown",
                digital_source_type=source_types.normalise(kind) if kind else None,
                software_agent=_agent(action.get("softwareAgent")),
                when=clean(action.get("when")),
            )


def _agent(agent: object) -> str | None:
    if isinstance(agent, Mapping):
        return clean(" ".join(str(agent[key]) for key in ("name", "version") if agent.get(key)))
    return clean(agent)


def _generator(manifest: Mapping[str, Any]) -> str | None:
    info = manifest.get("claim_generator_info")
    if isinstance(info, list) and info:
        return _agent(info[0])
    return clean(manifest.get("claim_generator"))


def _bindings(manifest: Mapping[str, Any]) -> Iterable[ClaimedBinding]:
    found: list[ClaimedBinding] = []
    for data in _data(manifest, "c2pa.soft-binding"):
        alg = clean(data.get("alg"))
        for block in data.get("blocks") or ():
            value = block.get("value") if isinstance(block, Mapping) else None
            binding = _binding(alg, value)
            if binding is not None and len(found) < _MAX_ITEMS:
                found.append(binding)
    return found


def _binding(alg: str | None, value: object) -> ClaimedBinding | None:
    """The library shows bytes as base64, and as a list of numbers where it does not know the assertion."""
    if isinstance(value, list) and all(isinstance(item, int) and 0 <= item < 256 for item in value):
        value = base64.b64encode(bytes(value)).decode("ascii")
    return ClaimedBinding(alg=alg, value=value[:_MAX_VALUE]) if alg and isinstance(value, str) else None


def _mining(manifest: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for label in ("cawg.training-mining", "c2pa.training-mining"):
        for data in _data(manifest, label):
            entries = data.get("entries")
            for name, entry in list(entries.items())[:_MAX_ITEMS] if isinstance(entries, Mapping) else ():
                use = clean(entry.get("use")) if isinstance(entry, Mapping) else None
                if use:
                    found[clean(name) or "unknown"] = use
    return found


def _tame(value: Mapping[str, Any], depth: int = 0) -> dict[str, JsonValue]:
    """A small copy of a foreign object: texts cut, depth and width bounded."""
    tamed: dict[str, JsonValue] = {}
    for name, item in list(value.items())[:_MAX_ITEMS]:
        key = clean(name) or "unknown"
        if isinstance(item, Mapping):
            tamed[key] = _tame(item, depth + 1) if depth < 4 else None
        elif isinstance(item, str):
            tamed[key] = clean(item)
        elif isinstance(item, bool | int | float) or item is None:
            tamed[key] = item
        elif isinstance(item, list):
            tamed[key] = [clean(part) for part in item[:_MAX_ITEMS] if isinstance(part, str)]
    return tamed


def clean(value: object) -> str | None:
    """A text fit to show: one line of at most 500 printable characters; None for anything but a text."""
    if not isinstance(value, str):
        return None
    text = value[:_MAX_TEXT]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip() or None
