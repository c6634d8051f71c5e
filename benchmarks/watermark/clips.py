"""The test clips, which nothing was tuned on, and the pictures taken from them.

The watermark was developed on files whose sha256 begins with 0 to 7; every file here begins with 8 to f.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from benchmarks.watermark.coding import Frames, decoded

FRAMES = 80
"""Pictures of each clip, the first ones."""
SHORT_SIDE = 480
"""Pixels; larger clips are scaled down to it, smaller ones are not taken."""


@dataclass(frozen=True)
class Source:
    """A file to take pictures from.

    Attributes:
        name: of the content.
        origin: ``camera`` or what generated it.
        sha256: of the file.
        size: of the file in bytes, to find it without reading every file of the folder.
    """

    name: str
    origin: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Pictures:
    """What is marked.

    Attributes:
        name: of the content.
        origin: ``camera``, ``rendered`` or what generated it.
        frames: (n, height, width, 3) uint8 RGB.
        fps: pictures a second.
    """

    name: str
    origin: str
    frames: Frames
    fps: Fraction


CLIPS = (
    Source("dance", "camera", "f1fc41c6ebae0692726ea56b33ba711f21186fd4203ac54cd43a5cd898be4350", 1221420),
    Source("neon street", "CausVid", "b13bd6df33fd32e6302d192c5a1348b2d4ee3d4ca58b31e52cbcbb214d86de87", 662550),
    Source("flower", "camera", "c6f8a348953395598a9a73b9bab1676436410797bce9f398f4be1531d6e76dda", 554058),
    Source("reader", "Stand-In", "80eea33f6faf18c5e8de1ec6e1c74ecd993cc702cef514fbec00d235999267e1", 2736626),
    Source("white room", "camera", "92cea2b398b79fc619d545a042cd0bce8ace9aa4d482b8c1e30482311f204c4a", 987146),
    Source("temple", "Lumiere", "e02467e58f3dea90b5f680962c3c7e6ffca45f5b13b09122f8d3c10ef3c77fdd", 308572),
    Source("singer", "camera", "ec72c2e1fd27ba6e9a2d90eccf28f1404da60cf9b557a6bf3e390f0ed29c9392", 542742),
    Source("butterfly", "Lumiere", "a7785f3df821be06874293a9cb02b9c5026d4bf258f118c33b3739cbeff61bf0", 309124),
    Source("road", "camera", "c78fbefb136da43fc14982dbcd4e9cc7929001e37c913a74cec7643d1b290191", 941900),
    Source("wood", "MagicVideo", "cb5620dabbf53810f9c0a5c81f079734876853b318f2df4e275abdd8b063ce96", 551154),
    Source("rabbit", "camera", "af04b48471b675e7ec765cf8b026749b5f82dcd4acdfaf4806db63f677214853", 605206),
    Source("lines", "Deforum", "c193499972d240d725e63ddbe50cea45dae30135585e0bab63e38f95a46bda55", 1221069),
)  # fmt: skip
"""Dancing in front of drawings; a flower opens; a person in a white room; a singer; a car on a mountain road; a
rabbit; a street at night; a man reads; moving lines; a temple in the mist; a drawn butterfly; a wanderer in a
wood. Half are a camera's, half generated."""

STILLS = (
    Source("cf56061c", "SD 1.5", "cf56061c0f19c0606e54cf42d8de67c5e15ef5c2258e0145d0790d8a7bc81192", 3277264),
    Source("b0d72ed9", "SD", "b0d72ed9ace0701edc5a3f7b8fb8b8101cc689e36554faf92cc231527ca4c5f1", 1479534),
    Source("e6ef88b6", "SDXL", "e6ef88b61624dfaa7c898f2c2140f146b638e3008e4cf25aa224064821a09ba6", 1197773),
    Source("95c66904", "SDXL LCM", "95c66904d6c909874c8145c269fadd8b0424be386ad3c207a32232b4cab3b36c", 1131402),
    Source("c8eabdb1", "SD3/3.5", "c8eabdb1f6087aafbc5bb3c8d872b633ebb1fbf05fe0e6364c1122bd1b32a307", 1059675),
    Source("b0185398", "Stable Cascade", "b0185398597dddd8a5d3fda24956463d1d4b7318c21c419bc2428d93eb85d229", 588761),
    Source("fff298cc", "SD 1.5", "fff298cc66e77ac9622ca19765c9be3a28eb8cef154773ed0c4276ac548b9cb7", 43130),
    Source("c65ec397", "SD 1.5", "c65ec3974dd3101c8d6949f16d144f38cd6e1eb530392b2ec0cfe7b4882f588a", 42392),
    Source("e9d9bf6a", "SD 1.5", "e9d9bf6a21a89d4412f752b3fc3ce0249e61b796ca051aeb27a2e3a666f078e4", 460752),
    Source("b5242a2f", "SD 1.5", "b5242a2fca6991886f23f51ed03553d6d0564f022d9011f30213acea01f4e3bc", 585345),
    Source("ec677fbe", "SD 1.5", "ec677fbe045a97feb59bcf111d08111b739abf81eb09333e9774ce42a856b6b2", 582343),
    Source("faa46d3f", "camera", "faa46d3f4551ecd028b2a2a0a82bcc464fef73d0b4704af1094ab211812bf123", 166987),
    Source("d34bb4d7", "camera", "d34bb4d734aaaea01e14741a7f2a2647f0aedb04ac0633542640acd4bdc2cd97", 169396),
    Source("def72758", "camera", "def72758965e1053c603b7e82c9d2d122f89e69f707d0574d861cc2ded6277a3", 204388),
    Source("bea7a575", "camera", "bea7a575c4626e636c1368a14bb332996c7e3671f030c66620cf8cac83692f6f", 263860),
    Source("b45689a0", "camera", "b45689a04edad4c915d52b7ac59841ac065e37d21494dc997c501e65e0a71026", 262305),
    Source("9573ab76", "camera", "9573ab76105c14c5ad9d5fc9134d4688691851893f1332a394c125b5e82f90ba", 248706),
    Source("b7f06332", "camera", "b7f0633258c4dc1a1ef57f26ef2e2db414b64c170cb7c618730cb2f2aae3c7ed", 371264),
)  # fmt: skip
"""Pictures of 512 x 512 and more, likewise."""


def found(folder: Path, wanted: tuple[Source, ...]) -> dict[str, Path]:
    """Where the wanted files lie, by name; those that the folder lacks are left out."""
    by_size: dict[int, list[Source]] = {}
    for source in wanted:
        by_size.setdefault(source.size, []).append(source)
    places = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (candidates := by_size.get(path.stat().st_size)):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            places.update({source.name: path for source in candidates if source.sha256 == digest})
    return places


def loaded(source: Source, path: Path) -> Pictures:
    """The first 80 pictures of a clip, its short side 480 pixels at most, its sides multiples of four."""
    frames, fps = decoded(str(path), FRAMES)
    pictures = np.stack([_shrunk(frame.to_ndarray(format="rgb24"), SHORT_SIDE) for frame in frames])
    return Pictures(source.name, source.origin, pictures, fps)


def still(source: Source, path: Path) -> Pictures:
    """The middle square of a picture, 512 x 512."""
    picture = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return Pictures(
        source.name, source.origin, _square(np.asarray(picture, np.uint8), 512)[None], Fraction(1)
    )


def small(clip: Pictures) -> Pictures:
    """The first 16 pictures, their middle square as 256 x 256."""
    frames = np.stack([_square(frame, 256) for frame in clip.frames[:16]])
    return Pictures(clip.name, clip.origin, frames, clip.fps)


def scenes(count: int, width: int, height: int, frames: int) -> Iterator[Pictures]:
    """Flat drawn scenes such as our own generator makes: sky, ground, one thing that moves across."""
    for number in range(count):
        draw = np.random.default_rng(number)
        sky, ground, thing = (draw.integers(30, 226, 3) for _ in range(3))
        horizon = int(height * draw.uniform(0.45, 0.75))
        radius = int(height * draw.uniform(0.08, 0.16))
        pictures = np.empty((frames, height, width, 3), np.uint8)
        for i in range(frames):
            pictures[i, :horizon] = sky
            pictures[i, horizon:] = ground
            x = int(width * (0.1 + 0.8 * i / frames))
            colour = tuple(int(value) for value in thing)
            shape = pictures[i]
            if number % 2:
                cv2.circle(shape, (x, horizon - radius), radius, colour, -1, cv2.LINE_AA)
            else:
                corner, other = (x - radius, horizon - 2 * radius), (x + radius, horizon)
                cv2.rectangle(shape, corner, other, colour, -1)
        yield Pictures(f"scene {number + 1}", "rendered", pictures, Fraction(12))


def _shrunk(picture: Frames, short: int) -> Frames:
    height, width = picture.shape[:2]
    scale = min(1.0, short / min(height, width))
    size = (round(width * scale / 4) * 4, round(height * scale / 4) * 4)
    if size == (width, height):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _square(picture: Frames, side: int) -> Frames:
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    middle = np.ascontiguousarray(picture[top : top + edge, left : left + edge])
    way = cv2.INTER_AREA if edge >= side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (side, side), interpolation=way), np.uint8)
