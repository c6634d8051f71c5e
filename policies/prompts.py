"""The project's own labelled texts, written by hand in English and German.

``policies/data/prompts/<category>.jsonl`` holds prompts for videos and pictures, one a line, and
``policies/data/messages/<category>.jsonl`` what else is sent to be moderated: posts, comments, chat, passages of
fiction, requests to an assistant. Lines of one topic belong together: an unsafe text, a safe neighbour that shares
its words or its scene but not its harm, and both in the other language. What only sounds harmful may stand without an
unsafe one. ``policies/data/everyday.jsonl`` holds harmless prompts alone, odd scenes among them. A topic lies whole in
one split; ``heldout`` only measures.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from policies.taxonomy import CATEGORIES

DATA = Path(__file__).parent / "data"
BENIGN = "benign"
"""Stands for a category where a prompt resembles none."""

Split = Literal["train", "heldout"]
Form = Literal["prompts", "messages"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt.

    Attributes:
        text: The prompt as a user would send it.
        lang: ``en`` or ``de``.
        category: What it is, or for a safe one what it resembles; ``BENIGN`` for one that resembles nothing harmful.
        topic: Name of the topic, unique within its category. Prompts of one topic and label in two
            languages are translations of each other.
        split: ``train`` or ``heldout``.
        unsafe: Whether it asks for something harmful.
        also: Further categories of an unsafe prompt.
    """

    text: str
    lang: str
    category: str
    topic: str
    split: Split
    unsafe: bool
    also: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """What is wrong with it; empty for a safe prompt."""
        return (self.category, *self.also) if self.unsafe else ()


def read_prompts(split: Split | None = None, form: Form = "prompts") -> list[Prompt]:
    """All texts of a form, or those of one split, by category and in the order of the files."""
    read = [
        prompt for category in CATEGORIES for prompt in _file(DATA / form / f"{category}.jsonl", category)
    ]
    return [prompt for prompt in read if split in (None, prompt.split)]


def read_everyday(split: Split | None = None) -> list[Prompt]:
    """The harmless prompts that resemble nothing harmful, or those of one split."""
    return [prompt for prompt in _file(DATA / "everyday.jsonl", BENIGN) if split in (None, prompt.split)]


def parallel(prompts: list[Prompt]) -> list[tuple[Prompt, Prompt]]:
    """Pairs (English, German) that say the same."""
    german = {(p.category, p.topic, p.unsafe): p for p in prompts if p.lang == "de"}
    keys = ((p, (p.category, p.topic, p.unsafe)) for p in prompts if p.lang == "en")
    return [(p, german[key]) for p, key in keys if key in german]


def _file(path: Path, category: str) -> Iterator[Prompt]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield _prompt(json.loads(line), category)


def _prompt(row: dict[str, Any], category: str) -> Prompt:
    return Prompt(
        text=row["text"],
        lang=row["lang"],
        category=category,
        topic=row["topic"],
        split=row["split"],
        unsafe=row.get("label") == "unsafe",
        also=tuple(row.get("also", ())),
    )
