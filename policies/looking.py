"""What there is to see in pictures besides their scores: faces, lettering, and pictures that are known."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.hashes import HashLists, Hit

Picture = NDArray[np.uint8]
_THUMB = (64, 36)
_CHANGED = 8  # grey levels, of the cell that changed most
_MOST_LINES = 400


class Named(Protocol):
    """What has a name and version, and a ``sha256:`` digest of its weights."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102


class Faces(Named, Protocol):
    """Says how sure it is that a picture shows a face."""

    def score(self, picture: Picture) -> float: ...  # noqa: D102


class Lettering(Named, Protocol):
    """Reads the text in a picture."""

    def read(self, picture: Picture) -> list[str]: ...  # noqa: D102


class Look:
    """What is seen in pictures while the judge's scorer goes through them.

    Attributes:
        face: How sure it is that a picture shows a face, 0 to 1; the highest so far.
        lines: Lines of text that were read, in their order, each once.
        hit: The first known picture; None if there was none.
    """

    def __init__(
        self, faces: Faces | None, lettering: Lettering | None, hash_lists: HashLists | None
    ) -> None:
        self.face = 0.0
        self.lines: dict[str, None] = {}
        self.hit: Hit | None = None
        self._faces, self._lettering, self._hash_lists = faces, lettering, hash_lists
        self._read: NDArray[np.int16] | None = None

    def over(self, frames: Iterable[Picture]) -> Iterator[Picture]:
        """The same pictures; what is none of them, the judge refuses."""
        for frame in frames:
            if frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8 and 0 not in frame.shape:
                self._see(frame)
            yield frame

    def _see(self, frame: Picture) -> None:
        if self._faces is not None:
            self.face = max(self.face, self._faces.score(frame))
        if self._hash_lists is not None and self.hit is None:
            self.hit = self._hash_lists.find(frame)
        if self._lettering is not None and len(self.lines) < _MOST_LINES and self._changed(frame):
            self.lines |= dict.fromkeys(self._lettering.read(frame))

    def _changed(self, frame: Picture) -> bool:
        """Whether the picture differs from the one that was last read; stills are read once."""
        from PIL import Image

        thumb = np.asarray(Image.fromarray(frame).convert("L").resize(_THUMB, Image.Resampling.BOX), np.int16)
        if self._read is not None and int(np.abs(thumb - self._read).max()) < _CHANGED:
            return False
        self._read = thumb
        return True
