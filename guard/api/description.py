"""What ``/openapi.json`` says beyond what the framework sees: bodies, who may call, and errors.

Bodies are read by hand (`guard.api.forms`), so that one field never costs more than it may; this is their shape.
"""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}
_SEED = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}

OPEN: dict[str, Any] = {"security": [{}, {"bearer": []}]}
"""Of a route that answers without a key, too."""


_DETAIL = {
    "type": "object",
    "properties": {
        "message": _TEXT,
        "type": _TEXT,
        "param": {"type": ["string", "null"]},
        "code": _TEXT,
    },
    "required": ["message", "type", "param", "code"],
}
_ERROR = {"type": "object", "properties": {"error": _DETAIL}, "required": ["error"]}
ERROR: dict[str, Any] = {
    "description": "Any error; its `code` is stable.",
    "content": {"application/json": {"schema": _ERROR}},
}


def _takes(
    fields: dict[str, Any],
    *required: str,
    files: dict[str, Any] | None = None,
    only: str | None = None,
    optional: bool = False,
) -> dict[str, Any]:
    """A body of these fields, as form and as JSON, or as `only` one of them; `files` replace fields in the form."""
    kinds = {
        "application/json": fields,
        "multipart/form-data": fields | (files or {}),
    }
    content = {
        kind: {
            "schema": {
                "type": "object",
                "properties": properties,
                "required": list(required),
                "additionalProperties": False,
            }
        }
        for kind, properties in kinds.items()
        if only in (None, kind)
    }
    return {"requestBody": {"required": not optional, "content": content}}


_WITHOUT_EFFECT: dict[str, Any] = {
    "metadata": {"type": "object"},
    "user": _TEXT,
    "safety_identifier": _TEXT,
}
_PICTURE = {"type": "object", "properties": {"image_url": _TEXT}, "required": ["image_url"]}
_PART = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"type": {"const": "text"}, "text": _TEXT},
            "required": ["type", "text"],
        },
        {
            "type": "object",
            "properties": {
                "type": {"const": "image_url"},
                "image_url": {"type": "object", "properties": {"url": _TEXT}, "required": ["url"]},
            },
            "required": ["type", "image_url"],
        },
    ]
}

VIDEO = _takes(
    {
        "prompt": _TEXT,
        "model": _TEXT,
        "seconds": {"type": ["string", "integer"]},
        "size": _TEXT,
        "seed": _SEED,
        "input_reference": _PICTURE,
        "reference_is_person": {"type": "boolean", "default": False},
        **_WITHOUT_EFFECT,
    },
    "prompt",
    files={"input_reference": {"oneOf": [_FILE, _PICTURE]}},
)
IMAGE = _takes(
    {
        "prompt": _TEXT,
        "model": _TEXT,
        "n": {"type": "integer", "minimum": 1, "maximum": 10},
        "size": _TEXT,
        "output_format": {"enum": ["png", "jpeg", "webp"]},
        "output_compression": {"type": "integer", "minimum": 0, "maximum": 100},
        "response_format": {"enum": ["b64_json", "url"]},
        "seed": _SEED,
        "background": {"enum": ["auto", "opaque"]},
        "moderation": {"const": "auto"},
        "quality": {"enum": ["auto", "standard"]},
        "stream": {"const": False},
        "partial_images": {"const": 0},
        **_WITHOUT_EFFECT,
    },
    "prompt",
    only="application/json",
)
REMIX = _takes({"prompt": _TEXT, "seed": _SEED, **_WITHOUT_EFFECT}, "prompt")
MODERATION = _takes(
    {
        "input": {
            "oneOf": [
                _TEXT,
                {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 32},
                {"type": "array", "items": _PART, "minItems": 1, "maxItems": 32},
            ]
        },
        "model": _TEXT,
    },
    "input",
    only="application/json",
)
FILE = _takes({"file": _FILE}, "file", only="multipart/form-data") | OPEN
REVOCATION = _takes({"reason": _TEXT}, "reason", only="application/json")
REVIEW = _takes({"note": _TEXT}, only="application/json", optional=True)


def _raw(*kinds: str) -> dict[str, Any]:
    """A body that is a file itself."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": _FILE} for kind in kinds}}}


_AMOUNT = {"type": "number"}
_NUMBER = {"type": "integer", "minimum": 0}
_SHAPE = {
    "kind": {"const": "rectangle"},
    "unit": {"enum": ["pixel", "percent"]},
    "origin": {"type": "object", "properties": {"x": _AMOUNT, "y": _AMOUNT}, "required": ["x", "y"]},
    "width": _AMOUNT,
    "height": _AMOUNT,
}
_REGIONS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"type": {"const": name}, field: {"type": "object", **rest}},
        "required": ["type", field],
    }
    for name, field, rest in (
        (
            "spatial",
            "shape",
            {"properties": _SHAPE, "required": ["kind", "unit", "origin", "width", "height"]},
        ),
        (
            "temporal",
            "time",
            {
                "properties": {
                    "type": {"const": "npt"},
                    "start": _TEXT,
                    "end": _TEXT,
                    "endInclusivity": {"enum": ["exclusive", "inclusive"]},
                }
            },
        ),
        ("frame", "frame", {"properties": {"start": _NUMBER, "end": _NUMBER}}),
    )
]
BINDING_QUERY = _takes({"alg": _TEXT, "value": _TEXT}, "alg", "value", only="application/json") | OPEN
CONTENT_QUERY = _raw("image/*", "video/*", "audio/*", "application/*", "text/*", "model/*") | OPEN
REFERENCE_QUERY = (
    _takes(
        {
            "referenceUrl": {"type": "string", "format": "uri", "pattern": "^https://"},
            "assetLength": {"type": "integer", "minimum": 1},
            "assetType": _TEXT,
            "region": {"type": "array", "items": {"oneOf": _REGIONS}},
        },
        "referenceUrl",
        "assetLength",
        only="application/json",
    )
    | OPEN
)
MANIFEST = _raw("application/c2pa")
RECEIPT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
} | OPEN
BINDING = _takes(
    {"bindingValue": _TEXT, "manifestId": _TEXT}, "bindingValue", "manifestId", only="application/json"
)
TOKEN: dict[str, Any] = {
    "security": [{}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "grant_type": {"const": "client_credentials"},
                        "client_id": _TEXT,
                        "client_secret": _TEXT,
                        "scope": _TEXT,
                    },
                    "required": ["grant_type"],
                }
            }
        },
    },
}
