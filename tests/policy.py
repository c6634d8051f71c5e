"""A policy for tests: the default one, and harmless words that are blocked or held, two under the minors rule."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import CATEGORIES, Policy, PolicyError
from policies.loading import parse_policy
from policies.normalise import Normalised

BLOCKED_WORD = "quagga"
HELD_WORD = "okapi"
SEALED_WORD = "potoroo"
SEALED_HELD_WORD = "numbat"
BLOCKED_RULE = "test.blocked"
HELD_RULE = "test.held"


class Fixed:
    """A classifier that answers what the test says, so that the policy alone is under test."""

    id = "fixed"
    digest = "sha256:" + "1" * 64

    def __init__(self, **scores: float) -> None:
        self._scores = dict.fromkeys(CATEGORIES, 0.0) | scores

    def scores(self, text: Normalised) -> dict[str, float]:
        return dict(self._scores)


def default_document() -> dict[str, Any]:
    """What the default document says, to be changed."""
    return deepcopy(_default_document())


@cache
def _default_document() -> dict[str, Any]:
    text = files("policies").joinpath("default.yaml").read_text("utf-8")
    loaded: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return loaded


def written(tree: dict[str, Any]) -> str:
    """A document as YAML, in the order of `tree`."""
    return str(yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))


def write_policy(path: Path) -> Path:
    """Write the policy document; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_test_policy(), "utf-8")
    return path


@cache
def _test_policy() -> str:
    document = default_document()
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
    return written(document)


def parsed(tree: dict[str, Any]) -> Policy:
    """The policy of a document, given as what its YAML says."""
    return parse_policy(written(tree).encode(), "mine.yaml")


def refused(tree: dict[str, Any]) -> PolicyError:
    """Why such a document is refused."""
    with pytest.raises(PolicyError) as caught:
        parsed(tree)
    return caught.value
