"""Expand the project's own prompt templates into labelled prompts.

``python -m policies.templates`` rewrites ``policies/data/*.jsonl`` from ``policies/data/*.yaml``; the
same templates and seed always give the same files.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
FILES = {"templates.yaml": "train.jsonl", "heldout.yaml": "heldout.jsonl"}
"""What is written from what: prompts to learn from, and prompts that only measure."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class AuthoredPrompt:
    """One prompt of our own.

    Attributes:
        text: The prompt.
        lang: ``en`` or ``de``.
        family: The template family it comes from.
        categories: What is wrong with it; empty for a safe prompt.
        near: For a safe prompt, the category it resembles, or ``benign``.
    """

    text: str
    lang: str
    family: str
    categories: tuple[str, ...]
    near: str


def expand(document: dict[str, Any], seed: int = 7) -> Iterator[AuthoredPrompt]:
    """All prompts of a template document: per family and language ``count`` distinct ones, or fewer."""
    for family in document["families"]:
        for lang in ("en", "de"):
            rng = random.Random(f"{seed}/{family['id']}/{lang}")  # noqa: S311 - not for secrets
            slots = {name: values[lang] for name, values in document["slots"].items()}
            seen: set[str] = set()
            for turn in range(family["count"] * 4):
                if len(seen) == family["count"]:
                    break
                template = family[lang][turn % len(family[lang])]
                text = _fill(template, slots, rng)
                if text not in seen:
                    seen.add(text)
                    unsafe = tuple(family.get("unsafe", ()))
                    yield AuthoredPrompt(text, lang, family["id"], unsafe, family.get("safe", ""))


def _fill(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    return _SLOT.sub(lambda match: rng.choice(slots[match.group(1)]), template)


def read_authored(name: str) -> list[AuthoredPrompt]:
    """Read ``train.jsonl`` or ``heldout.jsonl``."""
    rows = []
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows.append(AuthoredPrompt(**row | {"categories": tuple(row["categories"])}))
    return rows


def render(source: str) -> str:
    """The JSON lines that belong to a template file."""
    document = yaml.safe_load((DATA / source).read_text(encoding="utf-8"))
    lines = (json.dumps(asdict(prompt), ensure_ascii=False) for prompt in expand(document))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for source, target in FILES.items():
        (DATA / target).write_text(render(source), encoding="utf-8")
