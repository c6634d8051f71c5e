"""Are all media bytes of an mp4-family file inside the C2PA hash?

The hard binding of an mp4 leaves some boxes out (`free`, `skip`, `ftyp`, `mfra`, the manifest itself, and
whatever else a manifest excludes). A sample table may point into such a box: the media there plays, is
signed, and can be changed at will with the signature still valid. c2pa-rs 0.91 does not look. This module
does: it walks the sample tables of whole films (`stco`, `co64`), of fragments (`moof`, `trun`) and of HEIF
and AVIF stills (`iloc`), and reports every extent that touches an excluded byte range. Tables in places where
they do not belong are reported wherever they point. And since a demuxer may yet find others than this module,
FFmpeg is asked from which bytes it would decode, and whether it would take the file for one of the mp4 family.
None of this is needed for a file so plain that all its media must lie in its one `mdat` box (`bmff_plain`).

Source of the layouts: ISO/IEC 14496-12. Work and memory grow linearly with the tables and are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from guard.credentials import bmff_samples
from guard.credentials.bmff_boxes import C2PA_USER_TYPE, HEADERS, Box, Boxes, Exclusion, read_boxes
from guard.credentials.bmff_plain import is_plain
from guard.credentials.errors import CredentialsError
from guard.media import MediaError
from guard.media.containers import is_boxes
from guard.media.reading import packet_extents
from guard.media.stills import is_still

DEFAULT_EXCLUSIONS = (
    Exclusion("/uuid", data=((8, C2PA_USER_TYPE),)),
    Exclusion("/ftyp"),
    Exclusion("/mfra"),
    Exclusion("/free"),
    Exclusion("/skip"),
)
"""What c2pa-rs 0.91 leaves out of the hash of a file that it signs."""

_USUAL = frozenset(exclusion.xpath for exclusion in DEFAULT_EXCLUSIONS)
_MAX_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """One reason why the hash does not protect the whole of the media.

    Attributes:
        code: `sample_in_excluded_box`, `sample_outside_file`, `header_in_excluded_box`, `external_media`,
            `compressed_header`, `misplaced_header`, `stray_fragment` or `other_container`.
        box: path of the box that holds or declares the bytes.
        offset: first byte of the extent in the file.
        size: bytes of the extent; 0 if it has none.
    """

    code: str
    box: str
    offset: int
    size: int


def check_protected(
    file: BinaryIO, exclusions: Sequence[Exclusion] = DEFAULT_EXCLUSIONS
) -> tuple[Finding, ...]:
    """Look for media outside the hard binding.

    Args:
        file: any file, open for reading; one that is not of the mp4 family has no findings.
        exclusions: what the hash leaves out: the manifest's own list when verifying.

    Returns:
        Findings, at most 20; empty if every sample lies in hashed bytes.

    Raises:
        CredentialsError: `bmff_malformed` or `bmff_too_complex`: what cannot be walked is not vouched for.
    """
    file.seek(0)
    if not is_boxes(file.read(8)):
        return ()
    if _USUAL.issuperset(exclusion.xpath for exclusion in exclusions) and is_plain(file):
        return ()
    findings = list(_findings(file, read_boxes(file), exclusions))
    return tuple(findings[:_MAX_FINDINGS])


def require_protected(path: Path) -> None:
    """Refuse a file that must not be signed as it is.

    Raises:
        CredentialsError: `not_fully_protected`, or any of `check_protected`.
    """
    with path.open("rb") as file:
        findings = check_protected(file)
    if findings:
        first = findings[0]
        raise CredentialsError(
            "not_fully_protected",
            f"A signature would not protect all of this file's media ({first.code} in {first.box} at byte "
            f"{first.offset}); re-mux it so that every sample lies in an mdat box, then sign.",
        )


def _findings(file: BinaryIO, boxes: Boxes, exclusions: Sequence[Exclusion]) -> Iterator[Finding]:
    holes = _excluded_ranges(file, boxes, exclusions)
    yield from _hidden_headers(file, boxes, holes)
    for box in boxes.at("/moov/cmov"):
        yield Finding("compressed_header", box.path, box.start, box.size)
    for box in bmff_samples.misplaced(boxes):
        yield Finding("misplaced_header", box.path, box.start, box.size)
    for box in bmff_samples.stray_fragments(file, boxes):
        yield Finding("stray_fragment", box.path, box.start, box.size)
    for box in bmff_samples.external_references(file, boxes):
        yield Finding("external_media", box.path, box.start, box.size)
    yield from _lying(bmff_samples.extents(file, boxes), boxes, holes)
    path = Path(file.name)
    if is_still(path):  # decoded by another library, from what `iloc` says
        return
    try:
        # where FFmpeg, which decodes what we judge, takes the media from, whatever tables it found that in
        packets = packet_extents(path)
    except (MediaError, MemoryError) as error:  # FFmpeg calls a length that no file has a want of memory
        if isinstance(error, MediaError) and error.code == "media_ambiguous":
            yield Finding("other_container", "/", 0, boxes.file_size)
            return
        raise CredentialsError("bmff_malformed", "The file's media cannot be located.") from error
    yield from _lying([("/", packets)], boxes, holes)


def _lying(
    tables: Iterable[tuple[str, bmff_samples.Extents]], boxes: Boxes, holes: Sequence[tuple[int, int, str]]
) -> Iterator[Finding]:
    """Media that lie outside the file or in an excluded range."""
    for path, extents in tables:
        for offset, size in bmff_samples.outside(extents, boxes.file_size)[:_MAX_FINDINGS]:
            yield Finding("sample_outside_file", path, offset, size)
        for hole_path, offset, size in bmff_samples.touching(extents, holes)[:_MAX_FINDINGS]:
            yield Finding("sample_in_excluded_box", hole_path, offset, size)


def _excluded_ranges(
    file: BinaryIO, boxes: Boxes, exclusions: Sequence[Exclusion]
) -> list[tuple[int, int, str]]:
    """(start, end, box path) of everything the hash leaves out, sorted and without overlaps."""
    ranges: list[tuple[int, int, str]] = []
    for exclusion in exclusions:
        for box in boxes.at(exclusion.xpath):
            if exclusion.matches(file, box):
                ranges.extend((start, end, box.path) for start, end in exclusion.ranges(box))
    merged: list[tuple[int, int, str]] = []
    for start, end, path in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end), merged[-1][2])
        else:
            merged.append((start, end, path))
    return merged


def _hidden_headers(file: BinaryIO, boxes: Boxes, holes: Sequence[tuple[int, int, str]]) -> Iterator[Finding]:
    """A whole movie header inside an excluded box: FFmpeg plays such a file when it finds no other header."""
    excluded = {(start, end) for start, end, _ in holes}
    for box in boxes.top:
        if (box.start, box.end) in excluded and _looks_like_header(file, box):
            yield Finding("header_in_excluded_box", box.path, box.start, box.size)


def _looks_like_header(file: BinaryIO, box: Box) -> bool:
    file.seek(box.payload)
    return file.read(min(8, box.end - box.payload))[4:] in HEADERS


def exclusions_of(assertion: object) -> tuple[Exclusion, ...]:
    """The exclusions of a `c2pa.hash.bmff` assertion as the library shows it.

    Raises:
        CredentialsError: `bmff_malformed` if the assertion is of another shape.
    """
    entries = assertion.get("exclusions") if isinstance(assertion, dict) else None
    if not isinstance(entries, list):
        raise CredentialsError("bmff_malformed", "The hash assertion has no list of exclusions.")
    return tuple(Exclusion.parse(entry) for entry in entries)
