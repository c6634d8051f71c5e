"""How strong and where: the embedding presets."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from guard.marks.errors import MarkError


@dataclass(frozen=True)
class Preset:
    """Strength of a mark.

    Attributes:
        name: Name of the preset.
        psnr: Least PSNR of every marked frame against its original in dB, over R, G and B together.
        flat: Cap on the mark's standard deviation in flat areas, in 8-bit code values. Where a picture is flat
            throughout, this and not the PSNR limits the strength.
        slope: How fast the mark grows with the local standard deviation of the picture, per code value, relative to
            its strength in a flat area.
        ceiling: Greatest strength anywhere, relative to a flat area, while the cap does not hold the mark back; then
            texture gets up to three times as much more than a flat area.
    """

    name: str
    psnr: float
    flat: float
    slope: float
    ceiling: float


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("invisible", psnr=45.0, flat=0.42, slope=0.6, ceiling=2.5),
            Preset("robust", psnr=42.0, flat=0.95, slope=0.4, ceiling=2.0),
            Preset("small", psnr=42.0, flat=1.75, slope=0.4, ceiling=2.0),
            Preset("still", psnr=42.0, flat=1.2, slope=0.4, ceiling=2.0),
            Preset("strong", psnr=39.0, flat=1.75, slope=0.4, ceiling=2.0),
        )
    }
)
"""By name: ``invisible`` (45 dB), ``robust`` (42 dB), ``small`` (42 dB, for clips of about 256 x 256 and 16 frames),
``still`` (42 dB, for pictures of 512 x 512 and more, which have but one frame to read from), ``strong`` (39 dB, for a
file whose mark could not be read back with a gentler preset)."""

DEFAULT_PRESET = "robust"


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        MarkError: ``mark_preset_unknown``.
    """
    try:
        return PRESETS[name]
    except KeyError:
        known = ", ".join(PRESETS)
        raise MarkError(
            "mark_preset_unknown", f"There is no mark preset {name!r}; use one of {known}."
        ) from None


def stronger(name: str) -> str | None:
    """The next stronger preset to try when a mark could not be read back, or ``None`` after the strongest."""
    following = {"invisible": "robust", "robust": "strong", "small": "strong", "still": "strong"}
    return following.get(preset_named(name).name)
