"""Which words people write, and how words are spelt, so that a word can be told from one that was hidden.

``weights/words.txt.gz`` holds the folded words that occur at least three times in the English and German
training prompts; ``python -m policies.lexicon --data FOLDER`` rewrites it. A word that is missing costs a trick
not undone.
"""

import argparse
import gzip
import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from policies.errors import PolicyError

NAME = "words.txt.gz"
_FEWEST = 3
_ALPHABET = 27
_UNSEEN = 0.1  # times that a run of letters counts as seen though it never was


def known(word: str) -> bool:
    """Whether a folded word (lower case, ``ae oe ue ss``) is a common English or German one."""
    return word in _words()


def likelihood(word: str) -> float:
    """Log-likelihood of a folded word's letters, each after the two before it.

    For words that are not in the list, German compounds above all: of those of our own held-out prompts 98 in a
    hundred German and 94 English ones are likelier than what they are backwards.
    """
    runs, pairs = _spelling()
    letters = f"^^{word}$$"
    return sum(
        math.log((runs[letters[i : i + 3]] + _UNSEEN) / (pairs[letters[i : i + 2]] + _ALPHABET * _UNSEEN))
        for i in range(len(letters) - 2)
    )


@lru_cache(maxsize=1)
def _spelling() -> tuple[Counter[str], Counter[str]]:
    """How often three letters and two follow each other in the known words."""
    marked = [f"^^{word}$$" for word in _words()]
    runs = Counter(word[i : i + 3] for word in marked for i in range(len(word) - 2))
    pairs = Counter(word[i : i + 2] for word in marked for i in range(len(word) - 2))
    return runs, pairs


def pack(words: Iterable[str]) -> bytes:
    """The file for all plain words that occur often enough among ``words``; the same words, the same bytes."""
    counts = Counter(word for word in words if word.isascii() and word.isalpha() and 2 <= len(word) <= 24)
    kept = sorted(word for word, count in counts.items() if count >= _FEWEST)
    return gzip.compress("\n".join(kept).encode(), 9, mtime=0)


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    try:
        data = files("policies").joinpath("weights", NAME).read_bytes()
    except OSError:
        raise PolicyError("weights_missing", f"policies/weights/{NAME} is missing: reinstall.") from None
    return frozenset(gzip.decompress(data).decode().split("\n"))


def collect(texts: Iterable[str]) -> bytes:
    """The file for the words of ``texts``."""
    from policies.normalise import flatten

    return pack(word for text in texts for word in re.findall(r"[a-z]+", flatten(text)))


def main() -> None:
    """Rewrite the file from our own prompts and a folder of third-party sets."""
    from policies.sources import read_rows

    parser = argparse.ArgumentParser(description="Collect the words that people write.")
    parser.add_argument("--data", type=Path, required=True, help="folder of third-party sets")
    rows = read_rows(parser.parse_args().data)
    target = Path(__file__).parent / "weights" / NAME
    target.write_bytes(
        collect(row.text for row in rows if row.split == "train" and (row.unsafe or any(row.weights)))
    )


if __name__ == "__main__":
    main()
