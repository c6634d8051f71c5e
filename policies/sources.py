"""Read labelled prompts: the project's own, and a folder of third-party sets (never copied here).

The folder holds ``<set>.jsonl.gz`` files (``text``, ``label``, ``category``, ``lang``, perhaps
``labels`` and ``split``) and ``mapping.json``, which maps each set's categories onto ours.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from policies.errors import PolicyError
from policies.prompts import Prompt, read_everyday, read_prompts
from policies.taxonomy import CATEGORIES, Category
from policies.templates import read_authored

Split = Literal["train", "validation", "test", "heldout"]

HELD_OUT = frozenset(
    {
        "openai_moderation", "partiprompts", "fetv", "strongreject", "simple_safety_tests", "advbench",
        "malicious_instruct", "authored_heldout", "own_heldout", "own_messages_heldout", "own_everyday_heldout",
    }
)  # fmt: skip
"""Sets that training, tuning and thresholds never see."""

OWN = ("own", "own_messages")
"""Our own texts, unsafe ones beside their safe neighbours."""

VIDEO_BENIGN = frozenset({"vbench", "chronomagic", "coco_captions_10k", "partiprompts", "fetv"})
"""Sets of harmless captions and video prompts, safe under every category."""

UNLABELLED = frozenset({"adversarial_nibbler", "xsafety"})
"""Sets whose labels we do not use; a teacher reads the English rows of their split ``train``."""

HATE_ONLY = frozenset({"hatecheck_en", "multilingual_hatecheck", "gahd", "germeval2018"})
_WEIGHT = {
    "coprov2": 0.6,
    "germeval2018": 0.5,
    "hatecheck_en": 0.5,
    "multilingual_hatecheck": 0.5,
    "coco_captions_10k": 0.6,
    "gahd": 0.5,
}
_ELSEWHERE = 0.2  # an unsafe row is only weak evidence that the other categories are absent


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled prompt.

    Attributes:
        text: The prompt.
        lang: Language code.
        source: Name of the set.
        split: Where it belongs.
        unsafe: Whether the set calls it harmful.
        categories: Ours; empty for a safe row or one whose kind is not known.
        weights: For each category, how much this row says about it (0: nothing).
        near: What a safe row of our own resembles.
        topic: What rows of our own that belong together share.
    """

    text: str
    lang: str
    source: str
    split: Split
    unsafe: bool
    categories: frozenset[str]
    weights: tuple[float, ...]
    near: str = ""
    topic: str = ""


def read_rows(folder: Path | None, leave_out: frozenset[str] = frozenset()) -> list[Row]:
    """All rows in English and German, our own and (with a folder) the third-party sets.

    Args:
        folder: The folder of sets; None reads our own prompts alone.
        leave_out: Further sets to treat as held out.

    Raises:
        PolicyError: ``data_unreadable``.
    """
    rows: list[Row] = []
    try:
        mapping = json.loads((folder / "mapping.json").read_text())["datasets"] if folder else {}
        for path in sorted(folder.glob("*.jsonl.gz")) if folder else ():
            name = path.name.removesuffix(".jsonl.gz")
            rows.extend(_third_party(path, name, mapping.get(name, {}), leave_out))
    except (OSError, ValueError, KeyError) as error:
        raise PolicyError(
            "data_unreadable", f"{folder} is not a folder of prompt sets ({type(error).__name__})."
        ) from None
    own = [
        *_own("own", read_prompts()),
        *_own("own_messages", read_prompts(form="messages")),
        *_own("own_everyday", read_everyday()),
        *_authored("train.jsonl", "authored"),
        *_authored("heldout.jsonl", "authored_heldout"),
    ]
    return _distinct([*own, *rows])


def _own(name: str, prompts: list[Prompt]) -> Iterator[Row]:
    """Texts written by hand; a topic lies whole in one split."""
    for prompt in prompts:
        source = name if prompt.split == "train" else f"{name}_heldout"
        split = _split(f"{prompt.topic} {prompt.category}", source)
        if split == "test":  # what measures is marked as such
            split = "train"
        yield Row(
            prompt.text, prompt.lang, source, split, prompt.unsafe, frozenset(prompt.categories),
            _weights(frozenset(prompt.categories), 1.0),
            prompt.category, f"{prompt.category}/{prompt.topic}",
        )  # fmt: skip


def _authored(name: str, source: str) -> Iterator[Row]:
    for prompt in read_authored(name):
        split = _split(prompt.text, source)
        if split == "test":  # our own templates measure nothing on themselves
            split = "train"
        weights = _weights(frozenset(prompt.categories), _WEIGHT.get(source, 1.0))
        yield Row(
            prompt.text, prompt.lang, source, split, bool(prompt.categories),
            frozenset(prompt.categories), weights, prompt.near,
        )  # fmt: skip


def _third_party(path: Path, name: str, mapping: dict[str, Any], leave_out: frozenset[str]) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            raw = json.loads(line)
            mixed = raw["label"] == "mixed"
            if (
                raw["lang"] not in ("en", "de")
                or not raw["text"].strip()
                or (mixed and name not in UNLABELLED)
            ):
                continue
            unsafe = raw["label"] == "unsafe"
            categories, weight = _categories(raw, mapping) if unsafe else (frozenset(), 1.0)
            weight *= _WEIGHT.get(name, 1.0)
            if mixed or (unsafe and not categories):
                weights = (0.0,) * len(CATEGORIES)
            elif name in HATE_ONLY:
                weights = tuple(weight * (c == Category.HATE_HARASSMENT) for c in CATEGORIES)
            else:
                weights = _weights(categories, weight)
            split = "heldout" if name in leave_out else _split(raw["text"], name, raw.get("split"))
            if mixed:  # a weak label measures nothing
                split = "train"
            yield Row(raw["text"], raw["lang"], name, split, unsafe, categories, weights)


def _categories(raw: dict[str, Any], mapping: dict[str, Any]) -> tuple[frozenset[str], float]:
    table = mapping.get("categories", {})
    named = raw.get("labels") or [raw.get("category")]
    if isinstance(named, dict):
        named = [key for key, value in named.items() if value]
    found: set[str] = set()
    for label in named:
        ours = table.get(label)
        found.update([ours] if isinstance(ours, str) else ours or ())
    # Spelling tricks are undone before the classifier reads a text: they are no evidence for it.
    found &= set(CATEGORIES) - {Category.JAILBREAK_OBFUSCATION}
    approximate = set(mapping.get("approximate", ())).intersection(map(str, named))
    return frozenset(found), 0.5 if approximate else 1.0


def _weights(categories: frozenset[str], weight: float) -> tuple[float, ...]:
    if not categories:
        return (weight,) * len(CATEGORIES)
    return tuple(weight * (1.0 if c in categories else _ELSEWHERE) for c in CATEGORIES)


def _split(text: str, source: str, given: str | None = None) -> Split:
    """By source, by the set's own split, else by a hash that keeps near-duplicates together."""
    if source in HELD_OUT:
        return "heldout"
    if given == "test":
        return "test"
    key = " ".join(text.casefold().split())[:32]
    bucket = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 20
    if bucket < 2:
        return "test"
    return "validation" if bucket < 5 else "train"


def _distinct(rows: list[Row]) -> list[Row]:
    """Drop repeated texts; a text that is measured is never also trained on."""
    order = {"heldout": 0, "test": 1, "validation": 2, "train": 3}
    seen: dict[str, None] = {}
    kept: list[Row] = []
    for row in sorted(rows, key=lambda r: order[r.split]):
        key = " ".join(row.text.casefold().split())
        if key not in seen:
            seen[key] = None
            kept.append(row)
    return kept
