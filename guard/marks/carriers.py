"""Peers as carriers of bits: what each does to one picture, behind one interface.

``invisible-watermark`` is installed with Guard. Video Seal's and TrustMark's weights are the operator's to bring;
nothing here downloads anything, and where something is missing the error says what.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.errors import MarkError
from guard.marks.frames import Frames

Bits = npt.NDArray[np.uint8]
Soft = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Carrier:
    """A codec that puts bits into one picture and finds them again.

    Attributes:
        bits: how many it carries.
        write: (height, width, 3) uint8 RGB and (bits,) to the marked picture.
        soft: a picture to (bits,), how surely each bit is zero (positive) or one.
        most: pictures of a clip that are read at most, for the slow ones; None for no limit of its own.
    """

    bits: int
    write: Callable[[Frames, Bits], Frames]
    soft: Callable[[Frames], Soft]
    most: int | None = None


def dwt_dct(_: Path | None) -> Carrier:
    """``dwtDct`` of invisible-watermark."""
    from guard.marks import dwt

    return _of_blocks(dwt.MaxDct)


def dwt_dct_svd(_: Path | None) -> Carrier:
    """``dwtDctSvd`` of invisible-watermark."""
    from guard.marks import dwt

    return _of_blocks(dwt.Svd)


def _of_blocks(kind: Any) -> Carrier:
    from guard.marks import dwt

    bits = 512

    def write(frame: Frames, word: Bits) -> Frames:
        return _bgr(kind(word.tolist(), bits).encode(_bgr(frame)))

    def soft(frame: Frames) -> Soft:
        return dwt.soft(kind([], bits), _bgr(frame))

    return Carrier(bits, write, soft)


def riva_gan(_: Path | None) -> Carrier:
    """``rivaGan`` of invisible-watermark: other 32 bits in each of 4 x 4 parts of the picture, 512 together.

    A network of seconds for a picture of 480p, so that four pictures are read.
    """
    package = _package("imwatermark", "rivaGan", "invisible-watermark==0.2.0 onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    encoder, decoder = (
        onnxruntime.InferenceSession(str(package / f"rivagan_{part}.onnx"), options)
        for part in ("encoder", "decoder")
    )

    def write(frame: Frames, word: Bits) -> Frames:
        marked = frame.copy()
        for part, bits in zip(_parts(marked), word.reshape(-1, 32), strict=True):
            fed = {"frame": _fed(part), "data": bits[None].astype(np.float32)}
            made = encoder.run(None, fed)[0][0, :, 0].transpose(1, 2, 0)[..., ::-1]
            part[: made.shape[0], : made.shape[1]] = (np.clip(made, -1, 1) + 1) * 127.5
        return marked

    def soft(frame: Frames) -> Soft:
        said = [decoder.run(None, {"frame": _fed(part)})[0][0] for part in _parts(frame)]
        return 0.5 - np.concatenate(said).astype(np.float64)

    return Carrier(16 * 32, write, soft, most=4)


def _parts(frame: Frames) -> list[Frames]:
    """Views of 4 x 4 equal parts, row by row; what is left over at the right and below belongs to none."""
    height, width = (side // 4 for side in frame.shape[:2])
    return [
        frame[y * height : (y + 1) * height, x * width : (x + 1) * width] for y in range(4) for x in range(4)
    ]


def _fed(frame: Frames) -> npt.NDArray[np.float32]:
    """(1, 3, 1, height, width) BGR in -1 to 1."""
    return (_bgr(frame).astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None, :, None]


def video_seal(weights: Path | None) -> Carrier:
    """Meta's Video Seal, as the TorchScript file that its authors give out (``y_256b_img.jit``)."""
    if weights is None or not weights.is_file():
        raise MarkError(
            "mark_codec_missing",
            "Video Seal needs its weights: fetch y_256b_img.jit as docs/using_wam_jit.md of "
            "github.com/facebookresearch/videoseal says, and name the file.",
        )
    import torch

    try:
        model = torch.jit.load(str(weights), map_location="cpu").eval()
        with torch.no_grad():
            found = model.detect(torch.zeros(1, 3, 256, 256))
        bits = int(found.shape[1]) - 1
    except (RuntimeError, AttributeError, IndexError) as error:
        raise MarkError(
            "mark_codec_invalid", f"{weights.name} is not a TorchScript Video Seal model."
        ) from error

    def tensor(frame: Frames) -> Any:
        return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255

    def write(frame: Frames, word: Bits) -> Frames:
        with torch.no_grad():
            marked = model.embed(tensor(frame), torch.from_numpy(word.astype(np.float32))[None])
        return np.asarray((marked[0].permute(1, 2, 0).clamp(0, 1) * 255).round().numpy(), np.uint8)

    def soft(frame: Frames) -> Soft:
        with torch.no_grad():
            # the first value says where there is a mark, the others are positive for one
            sure = model.detect(tensor(frame))[0, 1:].reshape(bits, -1).mean(dim=1)
        return -np.asarray(sure.double().numpy(), np.float64)

    return Carrier(bits, write, soft, most=32)


TRUSTMARK_FILES = ("trustmark_Q.yaml", "encoder_Q.ckpt", "decoder_Q.ckpt")


def trust_mark(weights: Path | None) -> Carrier:
    """Adobe's TrustMark, variant Q: the package, and its weights in the package's folder ``models``.

    Without its own error correction: the 100 bits carry our word, which has its own check.
    """
    package = _package("trustmark", "TrustMark", "trustmark==0.9.2")
    folder = package / "models"
    missing = [name for name in TRUSTMARK_FILES if not (folder / name).is_file()]
    if missing:
        raise MarkError(
            "mark_codec_missing",
            f"TrustMark needs {', '.join(missing)} in {folder}: fetch them as github.com/adobe/trustmark says. "
            "Guard downloads nothing.",
        )
    from PIL import Image

    module: Any = __import__("trustmark.trustmark", fromlist=["TrustMark"])
    for name in TRUSTMARK_FILES:
        # the package fetches anew what is not the file that it knows, and believes whatever comes
        if hashlib.md5((folder / name).read_bytes()).hexdigest() != module.MODEL_CHECKSUMS[name]:  # noqa: S324
            raise MarkError("mark_codec_invalid", f"{name} is not the file that trustmark's release names.")
    model = module.TrustMark(use_ECC=False, verbose=False, device="cpu", model_type="Q", loadRemover=False)
    bits = 100

    def write(frame: Frames, word: Bits) -> Frames:
        spelt = "".join(str(int(bit)) for bit in word)
        return np.asarray(model.encode(Image.fromarray(frame), spelt, MODE="binary"), np.uint8)

    def soft(frame: Frames) -> Soft:
        spelt, _, _ = model.decode(Image.fromarray(frame), MODE="binary")
        return 1.0 - 2.0 * np.array([int(bit) for bit in spelt], np.float64)

    return Carrier(bits, write, soft, most=32)


def _package(module: str, what: str, requirement: str) -> Path:
    """Folder of an installed package, which is not imported."""
    found = find_spec(module)
    places: Sequence[str] | None = None if found is None else found.submodule_search_locations
    if not places:
        raise MarkError("mark_codec_missing", f"{what} needs a package: pip install {requirement}")
    return Path(places[0])


def _bgr(frame: Frames) -> Frames:
    """RGB to BGR and back."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
