"""`guard trust`, and what verification makes of the lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guard.cli.common import installation
from guard.credentials import create_development_ca


def test_a_list_is_fetched_shown_used_and_removed(guard: Any, tmp_path: Path) -> None:
    anchors = [create_development_ca(tmp_path / name).anchor for name in ("one", "other")]
    assert "guard trust refresh c2pa" in guard("trust", "list").out
    made = guard("trust", "refresh", "partners", "--from", anchors[0], "--dated", "2026-08-20", "--json").json
    assert (made["kind"], made["dated"], made["certificates"]) == ("manifest", "2026-08-20", 1)
    with installation() as opened:
        assert [(entry.name, str(entry.dated)) for entry in opened.services.inspector.trust().lists[1:]] == [
            ("partners", "2026-08-20")
        ]
        interim = guard(
            "trust", "refresh", "c2pa-interim", "--from", anchors[1], "--from", anchors[0], "--json"
        ).json
        assert (interim["kind"], len(interim["sources"])) == ("retired", 2)
        assert len(opened.services.inspector.trust().lists) == 3  # without a restart
    again = guard("trust", "refresh", "partners", "--from", anchors[1])
    assert "before: of 2026-08-20, 1 certificates" in again.out
    table = guard("trust", "list").out
    assert "signers of the past: shown, not trusted" in table
    assert guard("trust", "remove", "partners").code == 0
    assert [row["name"] for row in guard("trust", "list", "--json").json] == ["c2pa-interim"]


def test_what_cannot_be_fetched_is_refused(guard: Any, tmp_path: Path) -> None:
    assert guard("trust", "refresh", "c2pa", "--kind", "friends").code == 2
    assert guard("trust", "refresh", "c2pa", "--dated", "August").code == 2
    missing = guard("trust", "refresh", "c2pa", "--from", tmp_path / "none.pem")
    assert (missing.code, missing.err.split("]")[0]) == (1, "error [trust_list_unavailable")
    unknown = guard("trust", "remove", "nobodys")
    assert (unknown.code, unknown.err.split("]")[0]) == (1, "error [trust_list_unknown")
