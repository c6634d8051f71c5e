"""Text that remembers, through every rewriting, which part of the original each character stands for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Piece = tuple[str, int, int]
"""New characters, and the stretch ``[start, end)`` of the rewritten text that each of them stands for."""


@dataclass(frozen=True, slots=True)
class Traced:
    """Characters and their stretches of the original.

    Attributes:
        text: The characters.
        starts: For each, the first original code point it stands for; never falling.
        ends: For each, one past the last.
    """

    text: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> "Traced":
        """A text that stands for itself."""
        return cls(text, list(range(len(text))), list(range(1, len(text) + 1)))

    def rewritten(self, changes: Iterable[tuple[int, int, list[Piece]]]) -> "Traced":
        """Replace stretches.

        Args:
            changes: ``(start, end, pieces)`` in order, not overlapping; the pieces stand in for that stretch.
        """
        out: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        for begin, end, pieces in changes:
            out.append(self.text[position:begin])
            starts.extend(self.starts[position:begin])
            ends.extend(self.ends[position:begin])
            for new, first, last in pieces:
                out.append(new)
                starts.extend([self.starts[first]] * len(new))
                ends.extend([self.ends[last - 1]] * len(new))
            position = end
        if position == 0:
            return self
        out.append(self.text[position:])
        starts.extend(self.starts[position:])
        ends.extend(self.ends[position:])
        return Traced("".join(out), starts, ends)

    def mapped(self, replace: Callable[[str], str]) -> "Traced":
        """Replace the text by one of the same length."""
        return Traced(replace(self.text), self.starts, self.ends)
