"""What an operator can set: one YAML file, environment variables over it, sensible values without either.

The file is ``guard.yaml`` in the working folder, or what ``GUARD_CONFIG`` names. Environment variables start with
``GUARD_`` and go down with two underscores: ``GUARD_MARK__PRESET=robust``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic_settings
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from guard.judge_settings import ExaminationSettings

CONFIG_FILE = "guard.yaml"
PICTURE_PRESET = "still"
"""Of the watermark in single pictures, whose one frame must carry all of it."""
WIRE_MODELS = (
    "sora-2", "sora-2-pro", "sora-2-2025-10-06", "sora-2-pro-2025-10-06", "sora-2-2025-12-08",
    "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst", "gpt-image-2.5-sunburst-2026-09-08", "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "chatgpt-image-latest",
    "dall-e-2", "dall-e-3",
)  # fmt: skip
"""Names of models by which clients of the wire ask, for clips and for pictures."""


class SettingsError(Exception):
    """The settings do not fit together; the message names the entry and the reason.

    Attributes:
        code: ``settings_invalid`` or ``settings_unreadable``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""It is the name of a folder too, where the model is fetched."""


class EmbeddedBackend(_Section):
    """The pipeline that this project trained; no download, runs on two CPU cores."""

    backend: Literal["embedded"] = "embedded"
    model: ModelName = "guard-scenes-1"
    """Name that requests use for it."""
    threads: int = Field(default=2, ge=1)


DType = Literal["float32", "float16", "bfloat16"]


class DiffusersBackend(_Section):
    """Any pipeline of `diffusers` that makes clips or pictures from a prompt."""

    backend: Literal["diffusers"]
    model: ModelName
    """Name that requests use for it."""
    path: str
    """Local folder, or the id of a repository in the local cache."""
    revision: str | None = None
    """Commit, tag or branch of the repository; main if unset."""
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    """What the weights must be, as ``guard models info`` shows it; other weights do not run."""
    pipeline: str | None = None
    """Class of `diffusers` to run it with; the one that the folder names if unset."""
    licence: str
    """Terms of the weights, as the operator has read them."""
    sizes: tuple[Annotated[str, Field(pattern=r"^[0-9]{2,5}x[0-9]{2,5}$")], ...] = ("1280x720", "720x1280")
    seconds: tuple[Annotated[int, Field(ge=1)], ...] = (4,)
    """Lengths of clips; empty for a pipeline that makes single pictures."""
    fps: int = Field(default=16, ge=1, le=120)
    size_multiple: int = Field(default=16, ge=1)
    """The model computes on multiples of so many pixels; what is more than was asked for is cut off."""
    frame_multiple: int = Field(default=4, ge=1)
    """The model's frames are a multiple of this, and one more; the surplus is cut off."""
    max_frames: int | None = Field(default=None, ge=1)
    """The most frames that the model makes at once."""
    device: str | None = None
    """Where to run; an accelerator if there is one."""
    dtype: DType | dict[str, DType] = "bfloat16"
    """Of all parts, or of each by its name, with ``default`` for the others."""
    offload: Literal["none", "model", "sequential"] = "none"
    """What waits in main memory while the accelerator does not need it: nothing, whole parts, or single layers."""
    vae_tiling: bool = False
    """Decode in tiles: less memory at large sizes."""
    vae_slicing: bool = False
    """Decode one picture of a batch at a time."""
    steps: int | None = Field(default=None, ge=1)
    """Denoising steps; the pipeline's own number if unset."""
    guidance: float | None = None
    """The pipeline's ``guidance_scale``; its own if unset."""
    arguments: dict[str, Any] = {}
    """Further keyword arguments of the pipeline's call, such as ``true_cfg_scale``."""


Backend = Annotated[EmbeddedBackend | DiffusersBackend, Field(discriminator="backend")]


class MarkSettings(_Section):
    """The watermark."""

    codec: Literal["lattice", "dwtDct", "dwtDctSvd", "rivaGan", "videoseal", "trustmark"] = "lattice"
    """What marks new clips, see ``docs/watermark.md``. Files that the lattice has marked stay readable."""
    weights: Path | None = None
    """Video Seal's TorchScript file, which the operator brings."""
    preset: str = "robust"
    """Preset of the first attempt; where the self-check cannot read the mark back, the next stronger one is tried."""
    picture_preset: str = PICTURE_PRESET
    """The same for single pictures."""


class EncoderSettings(_Section):
    """The finished file's video codec."""

    name: Literal["libx264", "libsvtav1", "h264_nvenc", "h264_vaapi"] = "libx264"
    crf: int = Field(default=18, ge=0, le=40)
    preset: str = "medium"
    threads: int = Field(default=1, ge=1)


class TimeStampSettings(_Section):
    """RFC 3161 time stamps on signatures: with one, a file stays verifiable after the certificate has expired."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/]+")
    """Of the authority; no stamps if unset."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=20)
    """For one attempt; all attempts together end within 25 seconds."""
    attempts: int = Field(default=3, ge=1, le=10)
    when_down: Literal["hold", "sign"] = "hold"
    """If nobody answers: let the job wait and try again later, or sign without a stamp and say so in the manifest."""


class UploadLimits(_Section):
    """What a verification accepts."""

    max_bytes: int = Field(default=512 * 1024 * 1024, ge=1)
    max_seconds: float = Field(default=600.0, gt=0)
    """Longest clip, in seconds of play."""
    receive_seconds: float = Field(default=900.0, gt=0)
    """Longest time that an upload may take to arrive."""
    timeout_seconds: float = Field(default=120.0, gt=0)
    """Wall clock for one examination."""
    memory_bytes: int = Field(default=3 * 1024**3, ge=256 * 1024**2)
    """Address space of the examining process."""
    concurrent: int = Field(default=2, ge=1)


class RateLimits(_Section):
    """Requests a minute, and files examined a day; 0 switches a limit off."""

    tenant: int = Field(default=120, ge=0)
    anonymous: int = Field(default=10, ge=0)
    tenant_files: int = Field(default=10_000, ge=0)
    anonymous_files: int = Field(default=100, ge=0)
    """Every answer on a file tells somebody who is removing a mark whether it is gone; this is how many they get."""


class ResolutionSettings(_Section):
    """The Soft Binding Resolution API."""

    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#]+(/[^?#]*)?$")
    """Where clients reach this service, without ``/v1``; what the request says if unset."""
    by_reference: bool = False
    """Whether files are fetched from addresses that clients name."""
    reference_seconds: float = Field(default=60.0, gt=0)
    """Longest time that fetching one may take."""
    reference_networks: tuple[IPvAnyNetwork, ...] = ()
    """Networks that files may be fetched from although they are not public."""
    show_original: bool = True
    """Whether ``/verify`` shows a picture of the release beside the upload that matches it."""
    reference_authorities: Path | None = None
    """PEM bundle of authorities to trust for that beside those of the system."""


class ReviewSettings(_Section):
    """Holding for human review."""

    expires_hours: float = Field(default=72.0, gt=0)


Audience = Literal["general", "adult_only", "under_18"]
Region = Literal["EU", "US", "UK", "IN", "CN", "KR"]


class TenantSettings(_Section):
    """Whom one tenant serves, and where; the policy's overlays go by it."""

    audience: Audience | None = None
    regions: tuple[Region, ...] = ()


class SealedSettings(_Section):
    """Who is told when material is sealed; they get ids alone."""

    command: tuple[str, ...] = ()
    """Program and arguments; the ids are JSON on its standard input, and exit code 0 means taken."""
    webhook: SecretStr | None = None
    """Address that the ids are posted to as JSON."""
    timeout_seconds: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.command and self.webhook is not None:
            raise ValueError("sealed: a command or a webhook, not both")
        return self


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="GUARD_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data: Path = Path(".guard")
    """Folder of the default database, objects, work files and keys."""
    database_url: SecretStr | None = None
    """``postgresql+psycopg://…``; SQLite in the data folder if unset."""
    workflow_database_url: SecretStr | None = None
    """Where the durable workflow keeps its state; SQLite in the data folder, or the PostgreSQL above."""
    objects_url: str | None = None
    """``s3://bucket/prefix`` and the like; a folder in the data folder if unset."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    log_origin: str = "guard.example/log"
    """Name of the transparency log; choose a host name of yours and never change it."""
    policy: Path | None = None
    """Policy document; the embedded one if unset."""
    examination: ExaminationSettings = ExaminationSettings()
    """Who looks at a request beside the embedded judge."""
    audience: Audience | None = None
    """Whom the service is for; what the policy says if unset."""
    regions: tuple[Region, ...] = ()
    """Where what is made here is offered; the policy's overlays of these regions apply, the strictest counts."""
    tenants: dict[str, TenantSettings] = {}
    """Audience and regions of single tenants, by name, instead of the two above."""
    sealed: SealedSettings = SealedSettings()
    generators: tuple[Backend, ...] = (EmbeddedBackend(),)
    model_aliases: dict[str, str] = dict.fromkeys(WIRE_MODELS, "guard-scenes-1")
    """Names that existing clients ask for, and what serves them here."""
    mark: MarkSettings = MarkSettings()
    encoder: EncoderSettings = EncoderSettings()
    uploads: UploadLimits = UploadLimits()
    rate: RateLimits = RateLimits()
    resolution: ResolutionSettings = ResolutionSettings()
    review: ReviewSettings = ReviewSettings()
    time_stamps: TimeStampSettings = TimeStampSettings()
    signing_memory_bytes: int = Field(default=1280 * 1024**2, ge=64 * 1024**2)
    """All signing and reading of credentials in this process together; what does not fit in waits. The default is
    enough for two long files at once."""
    trust_lists: tuple[Path, ...] = ()
    """PEM bundles of claim-signing anchors to trust beside our own."""
    training_mining: Literal["notAllowed", "allowed", "unset"] = "notAllowed"
    worker_threads: int = Field(default=1, ge=1)
    """Videos generated at once."""
    executor: str = "local"
    """Stable name of this process among the workers of one database."""

    @model_validator(mode="after")
    def _models_are_told_apart(self) -> Self:
        names = [backend.model for backend in self.generators]
        if not names or len(set(names)) < len(names):
            raise ValueError("generators: there must be one at least, and each needs a model name of its own")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over file."""
        path = os.environ.get("GUARD_CONFIG", CONFIG_FILE)
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=path)


def load_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: ``settings_unreadable`` or ``settings_invalid``; the message names each wrong entry, never its
            value, since values may be secrets.
    """
    path = os.environ.get("GUARD_CONFIG")
    if path is not None and not Path(path).is_file():
        raise SettingsError("settings_unreadable", f"GUARD_CONFIG names {path}, which is no readable file.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}" for entry in error.errors()
        )
        raise SettingsError("settings_invalid", f"The settings are not usable. {reasons}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" at line {mark.line + 1}"
        raise SettingsError(
            "settings_unreadable", f"{path or CONFIG_FILE} is no valid YAML{where}."
        ) from None
    except (OSError, UnicodeDecodeError, pydantic_settings.SettingsError) as error:
        raise SettingsError(
            "settings_unreadable", f"A source of the settings cannot be read ({type(error).__name__})."
        ) from None
