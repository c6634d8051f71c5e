"""What a manifest of ours says, and the JSON that the C2PA library makes it from.

The shape follows C2PA 2.4 and passes the mandatory points of the official asset rubric: `specVersion` in the
claim generator, one actions v2 assertion that is created (not gathered) and complete, a digital source type
on the first action, nothing deprecated. The prompt is no part of it, unless whoever gave it asks for that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from guard.credentials.errors import CredentialsError

SPEC_VERSION = "2.4.0"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = IPTC + "trainedAlgorithmicMedia"
COMPOSITE_TRAINED = IPTC + "compositeWithTrainedAlgorithmicMedia"

Kind = Literal["text_to_video", "image_to_video", "remix", "edit", "picture"]
Use = Literal["allowed", "notAllowed"]
MINING_ENTRIES = ("cawg.data_mining", "cawg.ai_inference", "cawg.ai_generative_training", "cawg.ai_training")

UNSTAMPED = "io.github.generation-guard.time-stamp"
"""Assertion of a file that was to be stamped and was signed without, since nobody answered."""

MODEL_DIGEST = "io.github.generation-guard.digest"
"""Field of the software agent that holds the digest of the model's weights."""
PROMPT_LABEL = "prompt"
"""What the actions call the prompt, where it is told."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ALGORITHM = re.compile(r"[a-z0-9]+([.-][A-Za-z0-9-]+)+")


def training_mining(use: Literal["allowed", "notAllowed", "unset"]) -> Mapping[str, Use]:
    """Entries of `cawg.training-mining` for training and mining together; none for "unset"."""
    if use == "unset":
        return {}
    return {"cawg.ai_generative_training": use, "cawg.ai_training": use, "cawg.data_mining": use}


@dataclass(frozen=True)
class Software:
    """A program by name and version."""

    name: str
    version: str


@dataclass(frozen=True)
class Model:
    """The generator: its name, revision and the digest of its weights ("sha256:…")."""

    name: str
    revision: str
    digest: str


@dataclass(frozen=True)
class SoftBinding:
    """What finds a stripped manifest again: an algorithm and the value it reads off the pictures.

    Attributes:
        alg: reverse-DNS name of the algorithm.
        value: raw bytes; written into the manifest as base64.
    """

    alg: str
    value: bytes


@dataclass(frozen=True)
class Ingredient:
    """A file that this one was made from; its own credentials are kept.

    Attributes:
        path: the file, already examined.
        title: shown to anyone who reads the manifest.
        relationship: "parentOf" for what was edited, "inputTo" for a reference picture or video of a
            generator.
        description: what it was used for, where that is not plain.
    """

    path: Path
    title: str
    relationship: Literal["parentOf", "inputTo"]
    description: str = ""


@dataclass(frozen=True)
class ManifestSpec:
    """All that a manifest says.

    Attributes:
        title: name of the asset; anyone can read it.
        kind: how it was made; an edit has pictures of its parent in it, a remix only repeats its inputs' settings.
        created: when (aware).
        model: the generator.
        watermark: soft binding of the mark in the pictures.
        fingerprint: soft binding of the pictures' hash, if one was taken.
        ingredients: inputs; exactly one parent for an edit, one input or more for image-to-video and remix, else none.
        training_mining: entry of `cawg.training-mining` to its use; no assertion if empty.
        prompt: the prompt, which then anyone can read in the file; left out unless whoever gave it asked for that.
        human_validated: whether a person approved the result, rather than only a prompt guiding it.
        application: this software.
    """

    title: str
    kind: Kind
    created: datetime
    model: Model
    watermark: SoftBinding
    application: Software
    fingerprint: SoftBinding | None = None
    ingredients: tuple[Ingredient, ...] = ()
    training_mining: Mapping[str, Use] = field(default_factory=dict)
    prompt: str | None = field(default=None, repr=False)
    human_validated: bool = False

    def __post_init__(self) -> None:
        """Refuse what would make a false or a malformed manifest.

        Raises:
            CredentialsError: `manifest_invalid`.
        """
        parents = sum(1 for entry in self.ingredients if entry.relationship == "parentOf")
        if self.created.tzinfo is None:
            raise _invalid("the time of creation needs a time zone")
        if not _DIGEST.fullmatch(self.model.digest):
            raise _invalid("the model's digest must be sha256: and 64 lower-case hex digits")
        for binding in self.soft_bindings:
            if not _ALGORITHM.fullmatch(binding.alg) or not binding.value:
                raise _invalid("a soft binding needs a reverse-DNS algorithm and a value")
        if parents != (1 if self.kind == "edit" else 0):
            raise _invalid("an edit has exactly one parent, and nothing else has one")
        if self.kind in ("image_to_video", "remix") and not self.ingredients:
            raise _invalid("image-to-video and a remix name their input as an ingredient")
        if self.kind == "remix" and not all(entry.description for entry in self.ingredients):
            raise _invalid("a remix says of each input what was used of it")
        if self.kind in ("text_to_video", "picture") and self.ingredients:
            raise _invalid("what came of text alone has no ingredients")
        if unknown := set(self.training_mining) - set(MINING_ENTRIES):
            raise _invalid(f"unknown training and mining entries: {', '.join(sorted(unknown))}")

    @property
    def soft_bindings(self) -> tuple[SoftBinding, ...]:
        """Watermark first, then the fingerprint if there is one."""
        return (self.watermark,) if self.fingerprint is None else (self.watermark, self.fingerprint)


def definition(spec: ManifestSpec, media_type: str, *, unstamped: bool = False) -> dict[str, JsonValue]:
    """The manifest definition for `c2pa.Builder`.

    Ingredients are referred to as "ingredient-0", "ingredient-1" and so on, in the order of
    `spec.ingredients`.

    Args:
        spec: what to say.
        media_type: of the file.
        unstamped: say that no time-stamp authority could be reached.
    """
    assertions: list[JsonValue] = [
        _created("c2pa.actions.v2", {"allActionsIncluded": True, "actions": _actions(spec)}),
        *(_created("c2pa.soft-binding", _soft_binding(binding)) for binding in spec.soft_bindings),
        _created("c2pa.ai-disclosure", _disclosure(spec)),
    ]
    if spec.training_mining:
        entries: dict[str, JsonValue] = {
            name: {"use": use} for name, use in sorted(spec.training_mining.items())
        }
        assertions.append({"label": "cawg.training-mining", "data": {"entries": entries}})
    if unstamped:
        assertions.append(_created(UNSTAMPED, {"status": "authority_unavailable"}))
    return {
        "claim_generator_info": [{**_software(spec.application), "specVersion": SPEC_VERSION}],
        "title": spec.title,
        "format": media_type,
        "assertions": assertions,
    }


def ingredient_label(index: int) -> str:
    """What the actions call the ingredient at this place in `ManifestSpec.ingredients`."""
    return f"ingredient-{index}"


def _actions(spec: ManifestSpec) -> list[JsonValue]:
    when = spec.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = [ingredient_label(i) for i in range(len(spec.ingredients))]
    parents = [
        ingredient_label(i) for i, entry in enumerate(spec.ingredients) if entry.relationship == "parentOf"
    ]
    inputs: list[JsonValue] = [label for label in labels if label not in parents]
    if spec.prompt is not None:
        inputs.append(PROMPT_LABEL)
    agent: JsonValue = {
        "name": spec.model.name,
        "version": spec.model.revision,
        MODEL_DIGEST: spec.model.digest,
    }
    made: dict[str, JsonValue] = {"softwareAgent": agent, "when": when}
    if inputs:
        made["parameters"] = {"ingredientIds": inputs}
    mark: JsonValue = {
        "action": "c2pa.watermarked.bound",
        "softwareAgent": _software(spec.application),
        "when": when,
    }
    if spec.kind == "edit":
        opened: JsonValue = {
            "action": "c2pa.opened",
            "parameters": {"ingredientIds": list(parents)},
            "when": when,
        }
        return [opened, {"action": "c2pa.edited", "digitalSourceType": COMPOSITE_TRAINED, **made}, mark]
    return [{"action": "c2pa.created", "digitalSourceType": TRAINED, **made}, mark]


def _soft_binding(binding: SoftBinding) -> dict[str, JsonValue]:
    value = base64.b64encode(binding.value).decode("ascii")
    return {"alg": binding.alg, "blocks": [{"scope": {}, "value": value}]}


def _disclosure(spec: ManifestSpec) -> dict[str, JsonValue]:
    return {
        "modelType": "c2pa.types.model",
        "modelName": spec.model.name,
        "modelIdentifier": f"{spec.model.name}@{spec.model.revision}#{spec.model.digest}",
        "contentProfile": {
            "humanOversightLevel": "human_validated" if spec.human_validated else "prompt_guided"
        },
    }


def _software(software: Software) -> dict[str, JsonValue]:
    return {"name": software.name, "version": software.version}


def _created(label: str, data: dict[str, JsonValue]) -> JsonValue:
    """An assertion that the signer vouches for ("created"), not one it merely passes on ("gathered")."""
    return {"label": label, "created": True, "data": data}


def _invalid(reason: str) -> CredentialsError:
    return CredentialsError("manifest_invalid", f"This manifest cannot be written: {reason}.")
