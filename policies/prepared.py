"""Labelled prompts made ready to learn from: a fair sample, normalised, with features and embeddings."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.embedding import SentenceEncoder
from policies.features import DIMENSIONS, STRETCH, features
from policies.fitting import Progress
from policies.language import language_of
from policies.normalise import normalise
from policies.sources import HATE_ONLY, OWN, UNLABELLED, Row
from policies.taxonomy import CATEGORIES

Floats = NDArray[np.float64]
MOST = 4000
"""Rows of one set, label and split that are used: more of the same kind teach little."""
MOST_OWN = 40_000
"""The same for our own prompts and messages, no two of which are of the same kind: all of them, so far."""
MOST_HATE = 1000
"""The same for each of the four sets that know hate alone: with more of them, other sources are judged worse."""
MOST_VALIDATION = 800
COMPOSED = 750
"""Longer texts made of several rows, in each language: harm in one sentence is harm."""
_CHUNK = 2048
_LONGEST = 1200  # characters of a text that are learnt from


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows with what the models see of them.

    Attributes:
        rows: The rows.
        texts: What the judge would read of each.
        english: Whether each is English (n,), so that both readers would read it.
        ngrams: Sparse matrix (n, dimensions).
        vectors: Embeddings (n, 512), or None without an encoder.
        lessons: The teacher's embeddings (n, any), zero for rows it cannot read; None without a teacher.
        targets: (n, categories), 0 or 1.
        weights: (n, categories): how much each row says.
    """

    rows: list[Row]
    texts: list[str]
    english: NDArray[np.bool_]
    ngrams: Any
    vectors: NDArray[np.float32] | None
    lessons: NDArray[np.float32] | None
    targets: Floats
    weights: Floats

    def pick(self, want: Callable[[Row], bool]) -> "Prepared":
        """The part whose rows are wanted."""
        return self.where(np.array([want(row) for row in self.rows], bool))

    def where(self, wanted: NDArray[np.bool_]) -> "Prepared":
        """The part at those places (n,)."""
        index = np.flatnonzero(wanted)
        return Prepared(
            [self.rows[i] for i in index],
            [self.texts[i] for i in index],
            self.english[index],
            self.ngrams[index],
            None if self.vectors is None else self.vectors[index],
            None if self.lessons is None else self.lessons[index],
            self.targets[index],
            self.weights[index],
        )


def sample(rows: Sequence[Row], seed: int) -> list[Row]:
    """At most ``MOST`` rows of a set, label and split to learn from, and texts composed of those.

    Rows without a label that a teacher can read are among them.
    """
    groups: dict[tuple[str, bool, str], list[Row]] = defaultdict(list)
    for row in rows:
        lesson = row.source in UNLABELLED and row.split == "train" and row.lang == "en"
        if lesson or (row.split in ("train", "validation") and any(row.weights)):
            groups[row.source, row.unsafe, row.split].append(row)
    kept: list[Row] = []
    for (source, _, split), group in sorted(groups.items()):
        of_train = MOST_HATE if source in HATE_ONLY else MOST_OWN if source in OWN else MOST
        most = of_train if split == "train" else MOST_VALIDATION
        kept.extend(sorted(group, key=lambda row: _order(row.text, seed))[:most])
    return [*kept, *composed([row for row in kept if row.split == "train"], seed)]


def composed(rows: Sequence[Row], seed: int) -> list[Row]:
    """Texts of a few harmless rows, every other one with an unsafe row somewhere among them."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    made = []
    for lang in ("en", "de"):
        short = [row for row in rows if row.lang == lang and len(row.text) <= STRETCH]
        safe = [row for row in short if not row.unsafe and all(row.weights)]
        unsafe = [row for row in short if row.unsafe and row.categories]
        if not safe or not unsafe:
            continue
        for turn in range(COMPOSED):
            parts = [rng.choice(safe) for _ in range(rng.randint(1, 3))]
            core = rng.choice(unsafe if turn % 2 else safe)
            parts.insert(rng.randint(0, len(parts)), core)
            text = " ".join(part.text.strip().rstrip(".") + "." for part in parts)
            if turn % 4 == 0:  # harmless, and cut as long texts are cut
                text = text[text.find(" ", rng.randrange(STRETCH // 2)) + 1 :][:STRETCH]
            made.append(replace(core, text=text, source="composed", near="", topic=""))
    return made


def prepare(
    rows: Sequence[Row],
    encoder: SentenceEncoder | None,
    work: Path | None = None,
    progress: Progress = lambda _line, _share: None,
    teacher: SentenceEncoder | None = None,
) -> Prepared:
    """Compute features and embeddings.

    Args:
        rows: The rows.
        encoder: Makes the embeddings; None leaves them out.
        work: Folder that keeps embeddings, so that an interrupted run goes on from them.
        progress: Receives one line at a time, and the share that is done.
        teacher: Reads the English rows of the split ``train``, too.
    """
    from scipy.sparse import csr_matrix, vstack

    normalised = [normalise(row.text[:_LONGEST]) for row in rows]
    parts = []
    for start in range(0, len(rows), _CHUNK):
        found = features([text.text for text in normalised[start : start + _CHUNK]])
        shape = (len(found.starts) - 1, DIMENSIONS)
        parts.append(csr_matrix((found.values, found.indices, found.starts), shape=shape))
    matrix = vstack(parts, "csr")
    progress(f"{len(rows)} prompts normalised", 0.0)
    readable = [text.readable for text in normalised]
    return Prepared(
        list(rows),
        readable,
        np.array([language_of(text) == "en" for text in normalised], bool),
        matrix,
        None if encoder is None else _embed(readable, encoder, work, progress),
        None if teacher is None else _lessons(rows, readable, teacher, work, progress),
        np.array([[category in row.categories for category in CATEGORIES] for row in rows], np.float64),
        np.array([row.weights for row in rows], np.float64),
    )


def _lessons(
    rows: Sequence[Row], texts: list[str], teacher: SentenceEncoder, work: Path | None, progress: Progress
) -> NDArray[np.float32]:
    taught = [i for i, row in enumerate(rows) if row.lang == "en" and row.split == "train"]
    vectors = _embed([texts[i] for i in taught], teacher, work, progress)
    every = np.zeros((len(rows), vectors.shape[1]), np.float32)
    every[taught] = vectors
    return every


def _embed(
    texts: list[str], encoder: SentenceEncoder, work: Path | None, progress: Progress
) -> NDArray[np.float32]:
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    known = _Store(work, encoder.digest)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known.vectors}
    order = sorted(missing, key=lambda key: len(missing[key]))
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        known.add(chunk, encoder.encode([missing[key] for key in chunk]))
        done = start + len(chunk)
        progress(f"{done} of {len(order)} prompts embedded", done / len(order))
    return np.stack([known.vectors[key] for key in keys]).astype(np.float32)


class _Store:
    """Embeddings by digest of their text; holds no text. On disk where there is a folder."""

    def __init__(self, folder: Path | None, encoder: str) -> None:
        self._folder = None if folder is None else folder / f"vectors-{encoder.removeprefix('sha256:')[:16]}"
        self.vectors: dict[bytes, NDArray[np.float16]] = {}
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as file:
                self.vectors.update(zip(map(bytes, file["keys"]), file["vectors"], strict=True))

    def add(self, keys: list[bytes], vectors: NDArray[np.float32]) -> None:
        halves = vectors.astype(np.float16)
        self.vectors.update(zip(keys, halves, strict=True))
        if self._folder is not None:
            path = self._folder / f"{len(self.vectors):08d}.npz"
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.savez(
                    file, keys=np.array([list(k) for k in keys], np.uint8).reshape(-1, 32), vectors=halves
                )
            part.replace(path)


def _order(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{text}".encode()).digest()
