"""What texts in a file's metadata say about AI.

Each function takes text from outside and gives back what it declares, never the text itself: such metadata
hold people's prompts. Encoder names (``Lavf``, ``x264``) are on real and generated files alike: neutral.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from detectors.evidence import Claim

MAX_TEXT = 1 << 20
"""Characters of a text searched by patterns."""

_DIGITAL_SOURCE = re.compile(r"(?:https?://cv\.iptc\.org/newscodes/digitalsourcetype/)?(\w+)/?\Z", re.ASCII)
_SOURCE_CLAIMS = {
    "trainedAlgorithmicMedia": Claim.DECLARES_AI,
    "compositeWithTrainedAlgorithmicMedia": Claim.DECLARES_AI_EDIT,
    # Algorithms without training data, and composites with synthetic parts of any kind: no declaration of AI.
    "algorithmicMedia": Claim.MENTIONS_GENERATOR,
    "compositeSynthetic": Claim.MENTIONS_GENERATOR,
}
# GB 45438: 1 generated, 2 possibly, 3 suspected.
_AIGC_CLAIMS = {"1": Claim.DECLARES_AI, "2": Claim.MENTIONS_GENERATOR, "3": Claim.MENTIONS_GENERATOR}

_WEBUI_STEPS = re.compile(r"\bSteps: \d{1,5}\b")
_WEBUI_OTHERS = re.compile(r"\b(?:Sampler|CFG scale|Model hash): ")
_DREAM_SEED = re.compile(r"(?:^|\s)-S\s?\d+")
_INVOKE_KEYS = frozenset({"generation_mode", "positive_prompt", "model_weights", "seed", "image"})
_TOOL_KEYS = frozenset(
    {"software", "creatortool", "make", "model", "encoder", "encoding_tool", "source", "generator"}
)
_TOOLS = re.compile(
    r"\b(?:(stable[ -]?diffusion)|(comfyui)|(automatic1111)|(invokeai)|(novelai)|(midjourney)|(dall[ ·-]?e)"
    r"|(adobe firefly)|(fooocus)|(dreamstudio)|(openai)|(runwayml)|(flux\.1))\b",
    re.IGNORECASE,
)
_TOOL_NAMES = (
    "Stable Diffusion",
    "ComfyUI",
    "Stable Diffusion web UI",
    "InvokeAI",
    "NovelAI",
    "Midjourney",
    "DALL-E",
    "Adobe Firefly",
    "Fooocus",
    "DreamStudio",
    "OpenAI",
    "Runway",
    "FLUX.1",
)


@dataclass(frozen=True)
class Trace:
    """What a text declares.

    Attributes:
        kind: Stable code of the convention, for example ``comfyui_graph``.
        claim: What follows from it.
        value: A word from a fixed list that says more; never free text.
    """

    kind: str
    claim: Claim
    value: str | None = None


def digital_source(value: str) -> Trace | None:
    """The IPTC property ``DigitalSourceType``, as a term or its address."""
    term = _DIGITAL_SOURCE.match(value.strip())
    if term is None or (claim := _SOURCE_CLAIMS.get(term[1])) is None:
        return None
    return Trace("iptc_digital_source_type", claim, term[1])


def aigc_label(value: str) -> Trace | None:
    """The label of TC260 and GB 45438: JSON with ``Label``, alone or inside ``AIGC``; or its number."""
    document = _json(value)
    if isinstance(document, dict) and isinstance(document.get("AIGC"), dict):
        document = document["AIGC"]
    label = str(document.get("Label")) if isinstance(document, dict) else value.strip()
    claim = _AIGC_CLAIMS.get(label)
    return Trace("tc260_aigc_label", claim, label) if claim else None


def text_traces(key: str, value: str) -> list[Trace]:
    """What a text under a keyword declares.

    Args:
        key: Keyword of a PNG text chunk, name of an EXIF field, or key of a container's tag.
        value: The text.

    Returns:
        Traces without duplicates; empty where it says nothing about AI.
    """
    name = key.strip().lower()
    found: dict[Trace, None] = {}
    # ComfyUI puts "prompt:{…}" and "workflow:{…}" into the EXIF fields of its WebP files.
    prefix, _, rest = value.partition(":")
    if prefix.strip().lower() in ("prompt", "workflow") and rest.lstrip().startswith("{"):
        name, value = prefix.strip().lower(), rest
    document = _json(value)
    for trace in (
        _graph(name, document),
        _bundle(document),
        _webui(value),
        _invoke(name, document),
        Trace("invokeai_dream", Claim.DECLARES_AI) if name == "dream" and _DREAM_SEED.search(value) else None,
        aigc_label(value) if name == "aigc" or (isinstance(document, dict) and "AIGC" in document) else None,
        tool(value) if name in _TOOL_KEYS else None,
    ):
        if trace is not None:
            found[trace] = None
    return list(found)


def tool(value: str) -> Trace | None:
    """A generator's name in a field that names tools."""
    if hit := _TOOLS.search(value[:MAX_TEXT]):
        return Trace("tool_name", Claim.MENTIONS_GENERATOR, _TOOL_NAMES[(hit.lastindex or 1) - 1])
    return None


def _graph(name: str, document: Any) -> Trace | None:
    """A graph of ComfyUI; only one that samples from a model declares generation."""
    if name not in ("prompt", "workflow") or not isinstance(document, dict):
        return None
    nodes = document.get("nodes") if name == "workflow" else list(document.values())
    if not isinstance(nodes, list):
        return None
    types = [
        str(node.get("type" if name == "workflow" else "class_type"))
        for node in nodes
        if isinstance(node, dict) and ("type" if name == "workflow" else "class_type") in node
    ]
    if not types:
        return None
    samples = any("sampler" in kind.lower() for kind in types)
    return Trace("comfyui_graph", Claim.DECLARES_AI if samples else Claim.MENTIONS_GENERATOR, "ComfyUI")


def _bundle(document: Any) -> Trace | None:
    """ComfyUI's graphs wrapped into one comment, as its video nodes write them."""
    if not isinstance(document, dict):
        return None
    for name in ("prompt", "workflow"):
        inner = document.get(name)
        if trace := _graph(name, _json(inner) if isinstance(inner, str) else inner):
            return trace
    return None


def _webui(value: str) -> Trace | None:
    head = value[:MAX_TEXT]
    if _WEBUI_STEPS.search(head) and _WEBUI_OTHERS.search(head):
        return Trace("webui_parameters", Claim.DECLARES_AI, "Stable Diffusion web UI")
    return None


def _invoke(name: str, document: Any) -> Trace | None:
    if (
        name in ("invokeai_metadata", "sd-metadata")
        and isinstance(document, dict)
        and _INVOKE_KEYS & document.keys()
    ):
        return Trace("invokeai_metadata", Claim.DECLARES_AI, "InvokeAI")
    return None


def _json(value: str) -> Any:
    """Parsed JSON, or None; a file may hold anything, also brackets nested without end."""
    if not value.lstrip().startswith("{"):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
