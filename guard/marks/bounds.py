r"""How often a reading can be wrong, by construction.

**A payload that is not there.** Every decoding of a file yields at most 16 words (the decoder's list), and
each is accepted only if its 32 check bits equal the truncated HMAC of its payload. The subkey of the check is
independent of everything that comes before it, so whatever the pictures are, a word that the key's owner did
not embed passes with probability 2**-32. A file is decoded at most 256 times, all keys and geometries
together, hence

    P(false payload) <= 256 decodings x 16 words / 2**32 = 2**-20 = 9.6e-7 per file,

for three keys: 3 keys x 19 geometries x 4 alignments = 228 decodings. The same holds for a wrong payload in a
marked file and for another key's mark.

**A presence that is not there.** For a fixed alignment the pilot score is sum |v| cos(angle) / sqrt(sum
|v|**2 / 2) over 80 pilots. The keyed phases make the angles independent and uniform for every content, and
since the mean of exp(s cos(angle)) is I0(s) <= exp(s**2 / 4), Chernoff's bound gives P(score >= t) <=
exp(-t**2 / 2). Scores are maximised over 131,072 alignments (128 x 128 shifts, 8 symmetries), every key and
at most 19 geometries; the unchanged geometry is given half of the error, the other 18 share the rest:

    p = keys x 131,072 x exp(-t**2 / 2) / share, share = 1/2 or 1/36,

is a p-value for any content, and a mark is called present but unreadable if the least of them is at most
1e-3.
"""

import math

from guard.marks.errors import MarkError
from guard.marks.polar import CHECK_BITS, LIST_SIZE
from guard.marks.search import GEOMETRIES
from guard.marks.sync import ALIGNMENTS_SEARCHED

MAX_KEYS = 3
"""Keys that a file may be read with: the current one and two retired ones."""
MAX_DECODINGS = 256
"""Decodings of a file, at most, over all keys and geometries."""
MOST_ALIGNMENTS = 8
"""Alignments decoded for a geometry and key, at most: more never helped."""
PRESENCE_LEVEL = 1e-3
"""Chance that an unmarked file is called unreadable, at most."""
FALSE_PAYLOAD_BOUND = MAX_DECODINGS * LIST_SIZE / 2**CHECK_BITS
"""Chance that a file yields a payload nobody put there, at most."""
_IDENTITY_SHARE = 0.5


def alignments_allowed(keys: int) -> int:
    """How many alignments may be decoded for each geometry and key.

    Raises:
        MarkError: ``mark_keys_invalid`` if there are no keys or too many.
    """
    if not 1 <= keys <= MAX_KEYS:
        raise MarkError("mark_keys_invalid", f"Read with one to {MAX_KEYS} mark keys, not {keys}.")
    return min(MOST_ALIGNMENTS, MAX_DECODINGS // (keys * GEOMETRIES))


def false_payload_bound(decodings: int) -> float:
    """Chance that so many decodings of noise yield a payload, at most."""
    return float(min(1.0, decodings * LIST_SIZE / 2**CHECK_BITS))


def presence_p_value(score: float, *, keys: int, identity: bool) -> float:
    """Chance that an unmarked file reaches a pilot score, at most, corrected for everything that is searched.

    Args:
        score: Greatest pilot score of one geometry.
        keys: Number of keys that the file is read with.
        identity: Whether the geometry is the unchanged one.
    """
    share = _IDENTITY_SHARE if identity else (1 - _IDENTITY_SHARE) / (GEOMETRIES - 1)
    if score <= 0:
        return 1.0
    return min(1.0, keys * ALIGNMENTS_SEARCHED * math.exp(-score * score / 2) / share)
