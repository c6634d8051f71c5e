"""`guard index`: made anew by command, and seen through when it is damaged."""

from __future__ import annotations

from .conftest import Guard, Prepared


def test_the_index_is_made_and_shown(here: Guard, prepared: Prepared) -> None:
    path = prepared.data / "pictures.index"
    path.unlink(missing_ok=True)
    before = here("index", "status", "--json")
    assert before.code == 0
    assert before.json["fault"] == "index_missing"
    assert before.json["scanned"] > 0
    made = here("index", "rebuild", "--json")
    assert made.json == {
        "hashes": before.json["scanned"],
        "file": str(path),
        "bytes": path.stat().st_size,
    }
    assert here("index", "status").out == f"indexed  {made.json['hashes']} hashes\nsince    0 hashes\n"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    damaged = here("index", "status")
    assert damaged.code == 1
    assert "index_damaged: guard index rebuild" in damaged.out
    path.unlink()
