"""A job's files on disk, and what its steps have noted of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard.media.files import whole
from guard.pipeline.errors import PipelineError

RAW_CLIP = "raw.avi"
FITTED_REFERENCE = "reference.png"


@dataclass(frozen=True)
class WorkFolder:
    """Where a job's files lie; nobody but this process's user may look in."""

    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def raw(self) -> Path:
        """The clip as generated: unmarked, never served."""
        return self.root / RAW_CLIP

    @property
    def marked(self) -> Path:
        """Watermarked and encoded, not yet signed; of the job's format, which the bytes tell."""
        return self.root / "marked"

    @property
    def signed(self) -> Path:
        """What will be released."""
        return self.root / "signed"

    @property
    def manifest(self) -> Path:
        """The manifest store of `signed`, to be found again by its soft bindings."""
        return self.root / "manifest.c2pa"

    @property
    def reference(self) -> Path:
        """The picture that the request brought, as it came, or the released clip that the job varies."""
        return self.root / "reference"

    @property
    def fitted(self) -> Path:
        """Its picture as the model sees it, written anew by us: safe to look at."""
        return self.root / FITTED_REFERENCE

    def note(self, name: str, value: dict[str, Any]) -> None:
        """Keep a step's result beside its file, whole or not at all."""
        with whole(self.root / f"{name}.json") as draft:
            draft.write_text(json.dumps(value), "utf-8")

    def noted(self, name: str) -> dict[str, Any] | None:
        """A step's result, if it came to its end; a damaged note is none, and the step is done again."""
        try:
            value: dict[str, Any] = json.loads((self.root / f"{name}.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return value


def digest_of(path: Path) -> str:
    """``sha256:`` and the hex digest of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def intact(path: Path, noted: dict[str, Any] | None) -> bool:
    """Whether a file is still the one that something was noted of."""
    return noted is not None and path.is_file() and digest_of(path) == noted["digest"]


def require(path: Path, noted: dict[str, Any] | None) -> dict[str, Any]:
    """What is noted of a file that is still the one it was noted of.

    Raises:
        PipelineError: ``work_files_missing``.
    """
    if not intact(path, noted):
        raise _missing()
    return noted_of(noted)


def noted_of(noted: dict[str, Any] | None) -> dict[str, Any]:
    """What is noted.

    Raises:
        PipelineError: ``work_files_missing``.
    """
    if noted is None:
        raise _missing()
    return noted


def _missing() -> PipelineError:
    return PipelineError(
        "work_files_missing", "The job's work files are gone or damaged; they are made again.", passing=True
    )
