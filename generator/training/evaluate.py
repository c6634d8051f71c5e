"""Measuring a generator: does a clip hold what its prompt says? And what would the judge say of drawn clips?"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Final

import numpy as np

from generator.training.captions import Language, caption
from generator.training.judge import Seen, SeenThing, judge
from generator.training.render import render
from generator.training.scenes import FPS, SLOTS, Actor, Scene, Split, held_out, sample_scene
from generator.types import Frames, GenerationRequest, Generator

EVERY: Final = 3
"""Every how many frames the judge looks at."""
MEASURED: Final = ("number", "thing", "colour", "motion", "ground", "time", "style", "camera")
"""What is scored; `number` is how many objects there are."""
_OF_THINGS: Final = ("thing", "colour", "motion")
_SHIFTS: Final = 12
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")


@dataclass(frozen=True)
class Asked:
    """A prompt and the slots of `SLOTS` that it asks for. `scene` is what it was written from, if from a scene."""

    text: str
    language: Language
    slots: Mapping[str, str]
    scene: Scene | None = None

    @property
    def pair(self) -> bool:
        """Whether it asks for two objects."""
        return "thing2" in self.slots


@dataclass(frozen=True)
class Share:
    """A share of right answers with its 95 % interval; `clusters` answers are independent of each other."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n {self.n}"


Hits = dict[str, list[bool]]


def slots_of(scene: Scene) -> dict[str, str]:
    """Everything that a scene says."""
    return {slot: value for slot in SLOTS if (value := scene.slot(slot)) is not None}


def prompts(
    count: int, seed: int, *, split: Split = "eval", language: Language | None = None, two: float = 0.35
) -> list[Asked]:
    """Prompts with complete captions; the same seed gives the same list.

    What a caption leaves out of style and camera is asked for all the same: silence means the usual ones.
    """
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        scene = sample_scene(rng, split=split, two=two)
        spoken_in = language if language is not None else rng.choice(_LANGUAGES)
        text, _ = caption(scene, rng, spoken_in, complete=True)
        found.append(Asked(text, spoken_in, slots_of(scene), scene))
    return found


def hits(slots: Mapping[str, str], seen: Seen) -> Hits:
    """What of the asked slots was seen, by the names of `MEASURED`; two objects are compared the better way round.

    If only one object was asked for, it is the largest seen.
    """
    wanted = [{s: slots[s + which] for s in _OF_THINGS if s + which in slots} for which in ("", "2")]
    wanted = [want for want in wanted if "thing" in want]
    found: Hits = {"number": [len(seen.things) == len(wanted)]}
    have: list[SeenThing | None] = [*seen.things, None, None][: len(wanted)]
    best = max(
        (
            [_matches(want, thing) for want, thing in zip(wanted, order, strict=True)]
            for order in permutations(have)
        ),
        key=lambda match: sum(sum(one.values()) for one in match),
    )
    for one in best:
        for slot, right in one.items():
            found.setdefault(slot, []).append(right)
    for slot in ("ground", "time", "style", "camera"):
        if slot in slots:
            found[slot] = [getattr(seen, slot) == slots[slot]]
    return found


def _matches(want: Mapping[str, str], thing: SeenThing | None) -> dict[str, bool]:
    return {slot: thing is not None and getattr(thing, slot) == value for slot, value in want.items()}


def share(slot: str, clusters: Iterable[Iterable[Hits]]) -> Share | None:
    """A slot's share of hits; None if it was never asked for.

    The interval is Wilson's, with as many independent answers as the spread between the clusters says.

    Args:
        clusters: answers that depend on each other, such as those to one prompt, together.
    """
    sums = [[right for one in cluster for right in one.get(slot, ())] for cluster in clusters]
    sums = [one for one in sums if one]
    n, k = sum(map(len, sums)), len(sums)
    if not n:
        return None
    value = sum(map(sum, sums)) / n
    spread = sum((sum(one) - value * len(one)) ** 2 for one in sums) * (k / (k - 1) if k > 1 else 1) / n**2
    effective = min(max(value * (1 - value) / spread, 1.0), n) if spread > 0 else float(k)
    z = 1.96
    middle = (value + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z * math.sqrt(value * (1 - value) / effective + (z / effective) ** 2 / 4) / (1 + z * z / effective)
    return Share(value, max(0.0, middle - half), min(1.0, middle + half), n, k)


def summary(clusters: Sequence[Sequence[Hits]]) -> dict[str, Share]:
    """Every slot's share; `all` is the share of clips in which nothing that was asked for is missing."""
    whole = [[{"all": [all(map(all, one.values()))]} for one in cluster] for cluster in clusters]
    found = {slot: share(slot, clusters) for slot in MEASURED} | {"all": share("all", whole)}
    return {slot: value for slot, value in found.items() if value is not None}


def watch(
    generator: Generator, text: str, seed: int, *, width: int = 256, height: int = 144, seconds: int = 4
) -> tuple[Seen, Frames]:
    """Generate a prompt and judge the clip; also its frames, (n, height, width, 3) uint8 RGB."""
    clip = generator.generate(GenerationRequest(text, seconds, width, height, seed))
    frames = np.concatenate(list(clip.chunks))
    return judge(frames[:: max(1, EVERY * len(frames) // (4 * FPS))]), frames


def drawn(scene: Scene, *, width: int = 256, height: int = 144) -> Seen:
    """What the judge sees in a scene's own clip: no generator can be seen to do better than this on average."""
    return judge(render(scene, width, height, every=EVERY))


def chance(asked: Sequence[Mapping[str, str]], seen: Sequence[Seen]) -> dict[str, Share]:
    """The score of clips that were made for other prompts; needs two at least."""
    shifts = np.unique(np.linspace(1, len(asked) - 1, min(_SHIFTS, len(asked) - 1)).astype(int))
    return summary(
        [[hits(slots, seen[(i + shift) % len(seen)]) for shift in shifts] for i, slots in enumerate(asked)]
    )


def nearest_trained(scene: Scene, rng: random.Random) -> Scene:
    """The most similar scene of the training: of each object one of thing, colour and motion is another."""
    second = scene.second and _nearest(scene.second, rng)
    return replace(scene, first=_nearest(scene.first, rng), second=second)


def _nearest(actor: Actor, rng: random.Random) -> Actor:
    if not held_out(actor.thing, actor.colour, actor.motion):
        return actor
    slot = rng.choice(_OF_THINGS)
    others = [_changed(actor, slot, value) for value in SLOTS[slot]]
    trained = [other for other in others if not held_out(other.thing, other.colour, other.motion)]
    return rng.choice(trained)


def _changed(actor: Actor, slot: str, value: str) -> Actor:
    if slot == "thing":
        return replace(actor, thing=value)
    return replace(actor, colour=value) if slot == "colour" else replace(actor, motion=value)
