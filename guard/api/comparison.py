"""An upload beside the release that it matches: the two pictures that are most alike, for people to look at."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from detectors import Claim, Evidence
from guard.api.content import preview
from guard.api.state import State
from guard.fingerprints import closest
from guard.inspection import PREVIEW_WIDTH, draw
from guard.media import MediaError
from guard.media.previews import thumbnail
from guard.store import Release, StoreError
from guard.store import releases as release_rows
from guard.store import videos as video_rows
from guard.verification import Verification

_log = structlog.get_logger(__name__)
_TRACED = (Claim.OWN_RELEASE, Claim.OWN_MARK_RESOLVED, Claim.FINGERPRINT_MATCH)
"""Claims that lead to a release, the surest first."""


@dataclass(frozen=True)
class Comparison:
    """Two pictures.

    Attributes:
        upload: of the upload, as a ``data:`` URL.
        original: of the release.
        upload_time: seconds from the upload's start.
        original_time: seconds from the release's start.
        moving: whether the release is a clip.
    """

    upload: str
    original: str
    upload_time: float
    original_time: float
    moving: bool


def beside(guard: State, path: Path, found: Verification) -> Comparison | None:
    """Draw both, where the upload's pictures match a release whose file is still served.

    Only who has pictures like them is shown them: what matched is a fingerprint of the upload. A revoked or deleted
    release is not shown, nor is anything if drawing fails, since the verdict does not depend on it.
    """
    seen = found.inspection
    if not guard.settings.resolution.show_original or seen.fingerprint is None:
        return None
    try:
        release = _served(guard, found)
        if release is None:
            return None
        times = closest(seen.fingerprint, guard.services.registry.fingerprint(release.id))
        if times is None:
            return None
        upload = draw(guard.services.inspector, path, times[0])
        original = preview(guard, release, partial(thumbnail, time=times[1], width=PREVIEW_WIDTH))
    except (MediaError, StoreError) as error:
        _log.warning("comparison_not_drawn", code=error.code)
        return None
    return Comparison(_url(upload), _url(original), *times, moving=release.video_id.startswith("video_"))


def _served(guard: State, found: Verification) -> Release | None:
    evidence = sorted(
        (item for item in found.verdict.evidence if item.claim in _TRACED),
        key=lambda item: _TRACED.index(item.claim) if item.claim else 0,
    )
    with guard.services.database.read() as session:
        for name in map(_release_of, evidence):
            release = release_rows.get_release(session, name)
            video = video_rows.get_video(session, release.video_id)
            if release.revoked_at is None and video.status == "completed":
                return release
    return None


def _release_of(item: Evidence) -> str:
    return str(item.details["release_id"])


def _url(picture: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(picture).decode('ascii')}"
