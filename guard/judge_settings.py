"""What an operator can add to the embedded judge: further judges, and who looks at pictures and listens to sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies import Category

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
JudgeName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""It stands in the reason of decisions."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Service(_Section):
    """Something that answers over HTTP as OpenAI's API does."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")]
    """Up to and including the version, as in ``https://api.openai.com/v1``."""
    key_env: str | None = None
    """Environment variable that holds the service's key; none is sent if unset."""
    timeout_seconds: float = Field(default=5.0, gt=0, le=600)


class _Say(_Section):
    """What a further judge's word counts."""

    name: JudgeName
    role: Literal["must_pass", "advisory"] = "must_pass"
    """``must_pass`` can hold and block; ``advisory`` is only written down."""
    on_failure: Literal["block", "review", "ignore"] | None = None
    """Without an answer; ``ignore`` is for advisory judges. If unset: block, and ignore for an advisory one."""
    review: float = Field(default=0.4, ge=0, le=1)
    """Score from which a person looks at it."""
    block: float = Field(default=0.6, ge=0, le=1)
    """Score from which it is blocked."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.review > self.block:
            raise ValueError("review must not lie above block")
        if self.role == "must_pass" and self.on_failure == "ignore":
            raise ValueError("the failure of a judge that must pass cannot be ignored: block or review")
        return self

    @property
    def without_answer(self) -> Literal["block", "review", "ignore"]:
        """What happens without an answer."""
        return self.on_failure or ("ignore" if self.role == "advisory" else "block")


class EndpointJudge(_Service, _Say):
    """A moderation endpoint; prompts are sent to it."""

    kind: Literal["endpoint"]
    model: str = "omni-moderation-latest"
    at_once: int = Field(default=4, ge=1, le=64)
    """Questions that may be under way at the same time."""


class ModelJudge(_Say):
    """A guard model, run here."""

    kind: Literal["qwen3guard", "llama_guard", "shieldgemma"]
    path: Path
    """Folder of weights, configuration and tokenizer; nothing is downloaded."""
    licence: str
    """Terms of the weights, as the operator has read them."""
    digest: Digest | None = None
    """What the files must be, as ``guard models info`` shows it; others do not run."""
    device: str = "cpu"
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    timeout_seconds: float = Field(default=30.0, gt=0, le=600)


FurtherJudge = Annotated[EndpointJudge | ModelJudge, Field(discriminator="kind")]


class HashListSettings(_Section):
    """Hashes of known pictures; see `guard hashes`."""

    name: JudgeName
    path: Path
    category: Category = Category.SEXUAL_MINORS
    """What its pictures are blocked for."""
    distance: int = Field(default=31, ge=0, le=64)
    """Bits, of 256, up to which two hashes are the same picture's."""


class ConceptSettings(_Section):
    """Zero-shot scores of pictures by a CLIP model."""

    architecture: str
    """As open_clip knows it, such as ``ViT-B-32``."""
    checkpoint: Path
    licence: str
    digest: Digest | None = None
    categories: tuple[Category, ...] = tuple(Category)
    """Whose descriptions in the policy pictures are compared with."""


class TranscriberSettings(_Service):
    """A transcription endpoint; the sound of clips is sent to it."""

    model: str = "whisper-1"
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)
    on_failure: Literal["block", "review"] = "block"


class ExaminationSettings(_Section):
    """Who looks at a request beside the embedded judge."""

    judges: tuple[FurtherJudge, ...] = ()
    hash_lists: tuple[HashListSettings, ...] = ()
    concepts: ConceptSettings | None = None
    transcriber: TranscriberSettings | None = None
    faces: bool = True
    written: bool = True
    """Read the text in pictures, where its weights were fetched: ``guard models fetch text-in-pictures``."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for names in ([one.name for one in self.judges], [one.name for one in self.hash_lists]):
            if len(set(names)) < len(names):
                raise ValueError("two entries have the same name")
        return self
