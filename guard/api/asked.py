"""The fields of a request for pictures: honoured, or refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Self

from guard.api import fields
from guard.api.errors import ApiError
from guard.api.forms import Body
from guard.api.repeats import Repeat
from guard.pipeline.submit import Submission
from guard.services import Services
from guard.store.models import STILLS

DEFAULT_SIZE = "1024x1024"
MOST_PICTURES = 10
_WITHOUT_EFFECT = ("metadata", "safety_identifier", "user")
_KNOWN = (
    "background", "model", "moderation", "n", "output_compression", "output_format", "partial_images", "prompt",
    "quality", "response_format", "seed", "size", "stream", "style", *_WITHOUT_EFFECT,
)  # fmt: skip
_BASE64_MODELS = ("gpt-image", "chatgpt-image")
"""Names that ask for models of the wire whose pictures come in the answer itself."""
_SEEDS = 2**31


@dataclass(frozen=True)
class Asked:
    """What a request for pictures asks for.

    Attributes:
        prompt: what to show; never logged.
        model: name or alias.
        number: of pictures.
        size: ``WIDTHxHEIGHT`` in pixels.
        format: of the files.
        compression: quality of a format with losses, 0 to 100; None for the best.
        seed: of the first picture, or None; those after it count up from there.
        by_url: whether the answer has links in place of the pictures.
        digest: hex sha256 of the request's fields.
    """

    prompt: str = field(repr=False)
    model: str
    number: int
    size: str
    format: str
    compression: int | None
    seed: int | None
    by_url: bool
    digest: str

    @classmethod
    def read(cls, values: dict[str, Any], services: Services) -> Self:
        """Check the fields one by one; may have to wait until a model is loaded.

        Raises:
            ApiError: a field is unknown, malformed, or asks for what is not done here.
            PipelineError: ``model_not_found``, ``model_unsupported``.
            generator.GeneratorError: the model cannot be loaded.
        """
        fields.only_known(values, _KNOWN)
        prompt = fields.required_text(values, "prompt")
        _refuse_what_is_not_done(values)
        kind = _one_of(values, "output_format", STILLS, "Pictures come as png, jpeg or webp.") or STILLS[0]
        compression = fields.whole(values, "output_compression", most=100)
        if compression not in (None, 100) and kind == "png":
            raise ApiError(
                400,
                "invalid_value",
                "PNG keeps every pixel and knows no output_compression; ask for jpeg or webp.",
                param="output_compression",
            )
        number = fields.whole(values, "n", least=1, most=MOST_PICTURES)
        named = fields.text(values, "model", most=200)
        model = named or services.picture_model()
        sizes = [f"{width}x{height}" for width, height in services.generator(model).info.sizes]
        size = fields.text(values, "size", most=20)
        if size in (None, "auto"):
            size = DEFAULT_SIZE if DEFAULT_SIZE in sizes else sizes[0]
        answer = _one_of(
            values, "response_format", ("b64_json", "url"), "response_format is b64_json or url."
        )
        in_answer = named is None or named.startswith(_BASE64_MODELS)
        return cls(
            prompt=prompt,
            model=model,
            number=number or 1,
            size=size,
            format=kind,
            compression=None if kind == "png" else compression,
            seed=fields.whole(values, "seed"),
            by_url=not in_answer if answer is None else answer == "url",
            # The same fields may be those of a request for a video.
            digest=Body({**values, "object": "image"}, None).digest(),
        )


def submissions(asked: Asked, tenant_id: str, repeat: Repeat) -> list[Submission]:
    """A job for each picture; sent again, the request finds the jobs that it made."""
    first = Submission(
        tenant_id=tenant_id,
        prompt=asked.prompt,
        model=asked.model,
        seconds=0,
        size=asked.size,
        seed=asked.seed,
        format=asked.format,
        compression=asked.compression,
        idempotency_key=repeat.key,
        body_hash=asked.digest,
        retried=repeat.retried,
    )
    return [first, *(_further(first, index) for index in range(1, asked.number))]


def _further(first: Submission, index: int) -> Submission:
    def of(text: str) -> str:
        return hashlib.sha256(f"{index}:{text}".encode()).hexdigest()

    return replace(
        first,
        seed=None if first.seed is None else (first.seed + index) % _SEEDS,
        idempotency_key=None if first.idempotency_key is None else of(first.idempotency_key),
        body_hash=of(first.body_hash),
    )


def _refuse_what_is_not_done(values: dict[str, Any]) -> None:
    """What changes nothing may be said; what would have to change something is refused."""
    _one_of(values, "background", ("auto", "opaque"), "Pictures here are opaque; leave background out.")
    _one_of(
        values,
        "moderation",
        ("auto",),
        "The policy of this service applies to every picture and is not relaxed; leave moderation out.",
    )
    _one_of(
        values,
        "quality",
        ("auto", "standard"),
        "Each model here draws at the one quality that its operator set; leave quality out.",
    )
    _one_of(values, "style", (), "Say the style in the prompt, and leave the field style out.")
    if values.get("stream") not in (None, False) or values.get("partial_images") not in (None, 0):
        raise ApiError(
            400,
            "invalid_value",
            "Nothing leaves before it is checked, so there are no partial pictures; leave stream and"
            " partial_images out.",
            param="stream" if values.get("stream") else "partial_images",
        )


def _one_of(values: dict[str, Any], name: str, taken: Collection[str], why: str) -> str | None:
    value = fields.text(values, name)
    if value is not None and value not in taken:
        raise ApiError(400, "invalid_value", why, param=name)
    return value
