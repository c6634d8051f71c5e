"""The project's own labelled prompts, written by hand for video, in English and German.

``policies/data/prompts/<category>.jsonl`` holds one prompt a line. Lines of one topic belong
together: an unsafe prompt, a safe neighbour that shares its words or its scene but not its harm, and
both in the other language. What only sounds harmful may stand without an unsafe one. A topic lies
whole in one split; ``heldout`` only measures.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from policies.taxonomy import CATEGORIES

FOLDER = Path(__file__).parent / "data" / "prompts"

Split = Literal["train", "heldout"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt.

    Attributes:
        text: The prompt as a user would send it.
        lang: ``en`` or ``de``.
        category: What it is, or for a safe one what it resembles.
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


def read_prompts(split: Split | None = None) -> list[Prompt]:
    """All prompts, or those of one split, by category and in the order of the files."""
    prompts: list[Prompt] = []
    for category in CATEGORIES:
        lines = (FOLDER / f"{category}.jsonl").read_text(encoding="utf-8").splitlines()
        prompts.extend(_prompt(json.loads(line), category) for line in lines)
    return [prompt for prompt in prompts if split in (None, prompt.split)]


def parallel(prompts: list[Prompt]) -> list[tuple[Prompt, Prompt]]:
    """Pairs (English, German) that say the same."""
    german = {(p.category, p.topic, p.unsafe): p for p in prompts if p.lang == "de"}
    keys = ((p, (p.category, p.topic, p.unsafe)) for p in prompts if p.lang == "en")
    return [(p, german[key]) for p, key in keys if key in german]


def _prompt(row: dict[str, Any], category: str) -> Prompt:
    return Prompt(
        text=row["text"],
        lang=row["lang"],
        category=category,
        topic=row["topic"],
        split=row["split"],
        unsafe=row["label"] == "unsafe",
        also=tuple(row.get("also", ())),
    )
