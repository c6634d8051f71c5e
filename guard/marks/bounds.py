r"""How often a reading can be wrong, by construction.

**A payload that is not there.** Every decoding of a file yields 32 words (the decoder's list), and each is
accepted only if its 40 check bits equal the truncated HMAC of its payload. The subkey of the check is independent of
everything that comes before it, so whatever the pictures are, a word that the key's owner did not embed passes with
probability 2**-40. Hence, for a file,

    P(false payload) <= keys x segments x geometries x alignments x list size x code
                      = 3 x 30 x 20 x 4 x 32 / 2**40 = 2.1e-7.

A segment is a sum of frames that is decoded: the whole file, three thirds of it, and at most 26 stretches of the
timeline. The whole file and its thirds get one more attempt each, with a list of 1024 at the likeliest place, which
adds 4 x 1024 / 2**40 = 4e-9. The same holds for a wrong payload in a marked file and for another key's mark.

**A presence that is not there.** For a fixed alignment the pilot score is sum |v| cos(angle) / sqrt(sum |v|**2 / 2)
over 80 pilots. The keyed phases make the angles independent and uniform for every content, and since the mean of
exp(s cos(angle)) is I0(s) <= exp(s**2 / 4), Chernoff's bound gives P(score >= t) <= exp(-t**2 / 2). Scores are
maximised over 131,072 alignments (128 x 128 shifts, 8 symmetries), every key, the segments and the geometries. The
whole file is given half of the error, the other 29 segments share the rest; of each segment's, the unchanged geometry
is given half, the other 19 share the rest:

    p = keys x 131,072 x exp(-t**2 / 2) / (share of the segment x share of the geometry)

is a p-value for any content, and a mark is called present but unreadable if the least of them is at most 1e-3.

**A payload in the wrong stretch.** That a stretch carries a payload that was decoded elsewhere in the file is tested
at the one alignment known from there, on the data lines alone: the same bound without the maximum, times the payloads
and stretches that are compared, at most 30 x 26. It is asked to be at most 1e-6.
"""

import math

from guard.marks.errors import MarkError
from guard.marks.polar import CHECK_BITS, LIST_SIZE, LONG_LIST
from guard.marks.search import SEARCHED
from guard.marks.sync import ALIGNMENTS_SEARCHED

MAX_KEYS = 3
"""Keys that a file may be read with: the current one and two retired ones."""
STRETCHES = 26
"""Stretches of the timeline, at most."""
THIRDS = 3
SEGMENTS = 1 + THIRDS + STRETCHES
"""Sums of frames that are decoded, at most: the whole file, its thirds, the stretches of its timeline."""
GEOMETRIES = 2 + SEARCHED
"""Geometries tried for a segment, at most: the unchanged frame, the unchanged picture between bars, the search's."""
ALIGNMENTS = 4
"""Alignments decoded for a segment, geometry and key."""
MAX_WORDS = MAX_KEYS * SEGMENTS * GEOMETRIES * ALIGNMENTS * LIST_SIZE + (1 + THIRDS) * LONG_LIST
"""Words that are checked in a file, at most."""
FALSE_PAYLOAD_BOUND = MAX_WORDS / 2**CHECK_BITS
"""Chance that a file yields a payload nobody put there, at most."""
PRESENCE_LEVEL = 1e-3
"""Chance that an unmarked file is called unreadable, at most."""
ATTRIBUTION_SCORE = math.sqrt(2 * math.log(SEGMENTS * STRETCHES / 1e-6))
"""Score of the data lines that says that a stretch carries a known payload."""
_FIRST_SHARE = 0.5


def check_keys(ids: list[str]) -> None:
    """Refuse more keys than the bounds allow.

    Raises:
        MarkError: ``mark_keys_invalid`` if there are no keys, too many, or two of one id.
    """
    if not 1 <= len(ids) <= MAX_KEYS:
        raise MarkError("mark_keys_invalid", f"Read with one to {MAX_KEYS} mark keys, not {len(ids)}.")
    if len(set(ids)) != len(ids):
        raise MarkError("mark_keys_invalid", "Two mark keys have the same id; give each key its own.")


def false_payload_bound(words: int) -> float:
    """Chance that one of so many words that nobody embedded passes the check, at most."""
    return float(min(1.0, words / 2**CHECK_BITS))


def presence_p_value(score: float, *, keys: int, whole: bool, identity: bool) -> float:
    """Chance that an unmarked file reaches a pilot score, at most, corrected for everything that is searched.

    Args:
        score: Greatest pilot score of one geometry in one segment.
        keys: Number of keys that the file is read with.
        whole: Whether the segment is the whole file.
        identity: Whether the geometry is the unchanged frame.
    """
    if score <= 0:
        return 1.0
    share = _share(whole, SEGMENTS) * _share(identity, GEOMETRIES)
    return min(1.0, keys * ALIGNMENTS_SEARCHED * math.exp(-score * score / 2) / share)


def _share(first: bool, count: int) -> float:
    return _FIRST_SHARE if first else (1 - _FIRST_SHARE) / (count - 1)
