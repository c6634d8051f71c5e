"""`guard tenants`."""

from __future__ import annotations

from typing import Any


def test_a_tenants_settings_are_changed_and_shown(guard: Any) -> None:
    guard("api-keys", "create", "one", "--tenant", "studio")
    changed = guard(
        "tenants", "set", "studio", "--training-mining", "allowed", "--prompt-in-manifest", "--json"
    ).json
    assert changed == {"name": "studio", "training_mining": "allowed", "prompt_in_manifest": True}
    again = guard("tenants", "set", "studio", "--no-prompt-in-manifest")
    assert again.out == "studio: training and mining allowed; prompt in files: no\n"
    guard("tenants", "set", "studio", "--training-mining", "default")
    (row,) = (row for row in guard("tenants", "list", "--json").json if row["name"] == "studio")
    assert (row["training_mining"], row["prompt_in_manifest"]) == (None, False)
    assert "as the installation says" in guard("tenants", "list").out


def test_what_cannot_be_set_is_refused(guard: Any) -> None:
    guard("api-keys", "create", "one", "--tenant", "studio")
    assert guard("tenants", "set", "studio").code == 2
    assert guard("tenants", "set", "studio", "--training-mining", "perhaps").code == 2
    missing = guard("tenants", "set", "nobody", "--prompt-in-manifest")
    assert (missing.code, missing.err.split("]")[0]) == (1, "error [not_found")
