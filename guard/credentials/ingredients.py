"""The tree of what a file was made from, each node with its own failures.

The library calls a file Trusted although what it was made from was already broken when it was taken in: that
shows only in results stored beside the ingredient. The tree here puts them in the open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guard.credentials.claims import (
    UNEXAMINED,
    Codes,
    clean,
    manifest_claims,
    time_is_trusted,
    validation_codes,
)
from guard.credentials.report import IngredientReport, IngredientState
from guard.credentials.trust import Trust

_MAX_NODES = 200
_MAX_DEPTH = 24
_TRUST_CODES = {"signingCredential.untrusted", "signingCredential.trusted"}
_NO_BREAK = _TRUST_CODES | UNEXAMINED


class Tree:
    """Walks the ingredients of a manifest store.

    Attributes:
        truncated: whether nodes were left out because there were too many or they lay too deep.
    """

    def __init__(self, store: Mapping[str, Any], trust: Trust) -> None:
        self._manifests: Mapping[str, Any] = store.get("manifests") or {}
        self._trust = trust
        self._deltas = _deltas(store.get("validation_results") or {})
        self._nodes = 0
        self._failures: dict[str, None] = {}
        self.truncated = False

    @property
    def now(self) -> frozenset[str]:
        """What fails in the ingredients by today's validation."""
        return frozenset(code for codes in self._deltas.values() for code in codes.failures)

    @property
    def failures(self) -> tuple[str, ...]:
        """Codes of all nodes walked so far, each once."""
        return tuple(self._failures)

    def below(self, label: str, above: tuple[str, ...] = ()) -> tuple[IngredientReport, ...]:
        """Nodes for the ingredients of a manifest; `above` are the manifests on the way to it."""
        manifest = self._manifests.get(label)
        entries = manifest.get("ingredients") if isinstance(manifest, Mapping) else None
        if not isinstance(entries, list) or not entries:
            return ()
        if label in above or len(above) >= _MAX_DEPTH:
            self.truncated = True
            return ()
        found = []
        for entry in entries:
            if self._nodes >= _MAX_NODES:
                self.truncated = True
                break
            if isinstance(entry, Mapping):
                self._nodes += 1
                found.append(self._node(label, entry, (*above, label)))
        return tuple(found)

    def _node(self, parent: str, entry: Mapping[str, Any], above: tuple[str, ...]) -> IngredientReport:
        label = entry.get("active_manifest")
        name = label if isinstance(label, str) else ""
        manifest = self._manifests.get(name)
        ingested = _ingested(entry)
        now = self._deltas.get((parent, str(entry.get("label", ""))), Codes())
        # Who was trusted when the ingredient was taken in does not matter; today's lists decide.
        own = [code for code in ingested.failures if code not in _TRUST_CODES]
        failures = tuple(dict.fromkeys([*own, *now.failures]))
        broken = tuple(code for code in failures if code not in _NO_BREAK)
        self._failures.update(dict.fromkeys(broken))
        claims = None
        if isinstance(manifest, Mapping):
            # What was recorded at intake is the signer's own text, so it cannot vouch for a time.
            claims = manifest_claims(name, manifest, time_trusted=time_is_trusted(now, self._trust))
        return IngredientReport(
            title=clean(entry.get("title")),
            relationship=clean(entry.get("relationship")),
            state=self._state(claims is not None, broken, ingested, now),
            failures=failures,
            claims=claims,
            ingredients=self.below(name, above) if claims is not None else (),
        )

    def _state(self, manifest: bool, broken: tuple[str, ...], ingested: Codes, now: Codes) -> IngredientState:
        if broken:
            return "invalid"
        if not manifest:
            return "absent"
        if not ingested.success and not now.success:
            return "unknown"
        uris = self._trust.uris("manifest")
        return (
            "trusted"
            if any(f"[{uri}]" in text for uri in uris for text in now.signer_trusted_by)
            else "valid"
        )


def _deltas(results: Mapping[str, Any]) -> dict[tuple[str, str], Codes]:
    """(manifest, label of the ingredient assertion) to what validation found about it now."""
    found: dict[tuple[str, str], Codes] = {}
    for delta in results.get("ingredientDeltas") or ():
        uri = str(delta.get("ingredientAssertionURI", ""))
        parts = uri.removeprefix("self#jumbf=/c2pa/").split("/")
        if len(parts) == 3:
            found[(parts[0], parts[2])] = validation_codes(delta.get("validationDeltas"))
    return found


def _ingested(entry: Mapping[str, Any]) -> Codes:
    """What validation found when the ingredient was taken in, in the current form or the older flat one."""
    results = entry.get("validation_results")
    if isinstance(results, Mapping):
        return validation_codes(results.get("activeManifest"))
    older = entry.get("validation_status")
    return validation_codes({"failure": older}) if isinstance(older, list) else Codes()
