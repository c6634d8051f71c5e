"""Our PDQ gives the reference implementation's hashes."""

from __future__ import annotations

import numpy as np
import pytest

from guard.fingerprints.pdq import pdq
from guard.media import Frames


def picture(height: int, width: int, seed: int) -> Frames:
    """Curves, stripes and a slope in whole numbers, the same on every machine."""
    y, x = np.mgrid[:height, :width] * 1000 // np.array([height, width])[:, None, None]
    common = x * x * seed // 997 + y * 3 + (x // 90 % 2) * 60
    return np.stack([(common + channel * y * x // 5000) % 256 for channel in range(3)], axis=-1).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("height", "width", "seed", "expected"),  # printed by pdqhash 0.2.8, which wraps the reference
    [
        (512, 512, 1, "d603f670d600f671d64bf6f9d403f070d603f670d603f470d603f670d603f670"),
        (512, 512, 7, "80e0f06080b8f0fdc3faf3ff80fae0e082eaf0f081fef07082faf0f083faf1f0"),
        (128, 128, 2, "ef007bc4f400424dff6f67cf0210f780e704e7846d01d78cf2d4efc5d354e782"),
        (64, 64, 3, "7601cfd1de85fff17400e640de90bf50fe03eec5bd088f7add00cfd8fe000f00"),
        (360, 640, 4, "f804ff03fc007e01fe0d7f03e000ff83f200ff03f600ff03fa00ff03fe00ff87"),
        (300, 70, 5, "d810fe01f810fe01d156fd07dc10fe86d000fe13f01cff1ffd4aff07d000fd85"),
    ],
)
def test_hashes_of_the_reference_implementation(height: int, width: int, seed: int, expected: str) -> None:
    digest, quality = pdq(picture(height, width, seed))
    assert digest.hex() == expected
    assert quality == 100


def test_a_plain_picture_has_no_quality_and_a_faint_one_little() -> None:
    plain = np.full((128, 128, 3), 90, np.uint8)
    assert pdq(plain)[1] == 0
    faint = plain.copy()
    faint[:, 64:] += 60  # one edge of 23 per cent over 64 rows: 64 * 23 // 90, as the reference says
    assert pdq(faint)[1] == 16
