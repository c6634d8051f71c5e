"""The watermark: a keyed, blind lattice of Fourier lines in the luma of every frame.

:class:`Embedder` adds 64 bits to a clip; :func:`read` finds them again after compression, scaling, cropping,
rotation and flips, without the original. ``docs/watermark.md`` says what survives, what does not, and what an
attacker can do.
"""

from guard.marks.bounds import FALSE_PAYLOAD_BOUND, MAX_KEYS, PRESENCE_LEVEL
from guard.marks.embed import Embedder, embed
from guard.marks.errors import MarkError
from guard.marks.frames import Chunk
from guard.marks.keys import MarkKey
from guard.marks.look import Look, read
from guard.marks.polar import PAYLOAD_BYTES
from guard.marks.presets import DEFAULT_PRESET, PRESETS, Preset, stronger
from guard.marks.reading import Reading, Status, Stretch

ALGORITHM = "io.github.generation-guard.lattice.1"
"""Name of the soft-binding algorithm, for good: another name would orphan every file made so far."""

__all__ = [
    "ALGORITHM",
    "DEFAULT_PRESET",
    "FALSE_PAYLOAD_BOUND",
    "MAX_KEYS",
    "PAYLOAD_BYTES",
    "PRESENCE_LEVEL",
    "PRESETS",
    "Chunk",
    "Embedder",
    "Look",
    "MarkError",
    "MarkKey",
    "Preset",
    "Reading",
    "Status",
    "Stretch",
    "embed",
    "read",
    "stronger",
]
