"""A policy for tests: the default one, and harmless words that are blocked or held, two under the minors rule."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import Policy, PolicyError
from policies.loading import parse_policy

BLOCKED_WORD = "quagga"
HELD_WORD = "okapi"
SEALED_WORD = "potoroo"
SEALED_HELD_WORD = "numbat"
BLOCKED_RULE = "test.blocked"
HELD_RULE = "test.held"


def write_policy(path: Path) -> Path:
    """Write the policy document; returns its path."""
    document = yaml.safe_load(files("policies").joinpath("default.yaml").read_text("utf-8"))
    for rule, word, action, category in (
        (BLOCKED_RULE, BLOCKED_WORD, "block", "ip_copyright"),
        (HELD_RULE, HELD_WORD, "review", "ip_copyright"),
        ("test.sealed", SEALED_WORD, "block", "sexual_minors"),
        ("test.sealed_held", SEALED_HELD_WORD, "review", "sexual_minors"),
    ):
        document["lists"][rule] = {"about": "A word of the tests.", "phrases": [word]}
        document["rules"].append(
            {
                "id": rule,
                "about": "A word of the tests.",
                "category": category,
                "action": action,
                "when": f"found.{rule}",
            }
        )
    document["id"] = "test-policy"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return path


def parsed(tree: dict[str, Any]) -> Policy:
    """The policy of a document, given as what its YAML says."""
    return parse_policy(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode(), "mine.yaml")


def refused(tree: dict[str, Any]) -> PolicyError:
    """Why such a document is refused."""
    with pytest.raises(PolicyError) as caught:
        parsed(tree)
    return caught.value
