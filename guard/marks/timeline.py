"""Which stretch of a clip carries which mark."""

from __future__ import annotations

from collections import Counter

from guard.marks import bounds
from guard.marks.detect import Clip, Found
from guard.marks.reading import Reading, Stretch

_WEAK_AGREEMENT = 3.0
"""Score that is enough for a stretch beside one that carries the mark for certain."""


class Timeline:
    """Says of every stretch of a clip which mark it carries.

    Args:
        clip: The clip, summed up stretch by stretch.
        ends: Seconds at which the stretches end.
    """

    def __init__(self, clip: Clip, ends: list[float]) -> None:
        self._clip = clip
        self._ends = ends
        self._of: list[Found | None] = [None] * len(ends)

    def reading(self, frames: int) -> Reading:
        """Read the clip.

        Args:
            frames: How many frames it rests on.
        """
        best = self._clip.whole()
        self._follow(best)
        if not self._decoded() and len(self._ends) >= 2 * bounds.THIRDS:
            # somebody else's clip may hide ours: how ours was edited shows best where it is
            for third in range(bounds.THIRDS):
                found = self._clip.third(third)
                best = sorted([*best, *found], key=lambda f: f.p_value)
                self._follow(found)
        return self._summed_up(best[0], frames)

    def _decoded(self) -> bool:
        return any(found is not None and found.payload is not None for found in self._of)

    def _follow(self, places: list[Found]) -> None:
        """Look for a mark, and for others at the same places, in every stretch that is still without."""
        if places[0].payload is not None:
            self._spread(places[0])
        if len(self._of) == 1:
            return
        for number, known in enumerate(self._of):
            if known is not None:
                continue
            found = self._clip.stretch(number, places)[0]
            if found.payload is not None:
                self._spread(found)
            elif found.p_value <= bounds.PRESENCE_LEVEL:
                self._of[number] = found

    def _spread(self, mark: Found) -> None:
        """Give a decoded mark to the stretches that agree with it."""
        free = [i for i, found in enumerate(self._of) if found is None or found.payload is None]
        if len(self._of) == 1:
            self._of[0] = mark
            return
        scores = {i: self._clip.agreement(i, mark) for i in free}
        reached = {i for i, score in scores.items() if score >= bounds.ATTRIBUTION_SCORE}
        reached = reached or {max(scores, key=lambda i: scores[i])}
        while reached:  # then their neighbours that agree a little, and so on
            for i in reached:
                self._of[i] = mark
                del scores[i]
            beside = {j for i in reached for j in (i - 1, i + 1)}
            reached = {j for j in beside & scores.keys() if scores[j] >= _WEAK_AGREEMENT}

    def _summed_up(self, best: Found, frames: int) -> Reading:
        lengths: Counter[bytes] = Counter()
        marks: dict[bytes, Found] = {}
        timeline: list[Stretch] = []
        start = 0.0
        for found, end in zip(self._of, self._ends, strict=True):
            if found is None:
                stretch = Stretch(start, end, "absent", None)
            elif found.payload is None:
                stretch = Stretch(start, end, "unreadable", None)
                best = min(best, found, key=lambda f: f.p_value)
            else:
                stretch = Stretch(start, end, "read", found.payload)
                marks.setdefault(found.payload, found)
                lengths[found.payload] += round(1000 * (end - start))
            if timeline and (timeline[-1].status, timeline[-1].payload) == (stretch.status, stretch.payload):
                stretch = Stretch(timeline.pop().start, end, stretch.status, stretch.payload)
            timeline.append(stretch)
            start = end
        if marks:
            mark = marks[lengths.most_common(1)[0][0]]
            return Reading(
                "read", mark.payload, mark.key.id, mark.p_value, frames, mark.edit(), tuple(timeline)
            )
        if best.p_value <= bounds.PRESENCE_LEVEL:
            if len(timeline) == 1:
                timeline = [Stretch(0.0, self._ends[-1], "unreadable", None)]
            edit = best.edit()
            return Reading("unreadable", None, best.key.id, best.p_value, frames, edit, tuple(timeline))
        return Reading("absent", None, None, best.p_value, frames, None, tuple(timeline))
