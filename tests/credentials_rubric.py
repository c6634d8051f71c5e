"""The mandatory points of the official C2PA asset rubric, restated on the library's crJSON."""

from __future__ import annotations

from typing import Any

from guard.credentials.source_types import KNOWN

DEPRECATED = (
    "c2pa.actions",
    "c2pa.ingredient",
    "c2pa.ingredient.v2",
    "c2pa.hash.bmff",
    "c2pa.hash.bmff.v2",
    "c2pa.training-mining",
    "c2pa.watermarked",
    "c2pa.metadata.v1",
)
WITHOUT_SOURCE_TYPE = (
    "c2pa.converted",
    "c2pa.edited.metadata",
    "c2pa.enhanced",
    "c2pa.opened",
    "c2pa.placed",
    "c2pa.published",
    "c2pa.redacted",
    "c2pa.repackaged",
    "c2pa.resized.proportional",
    "c2pa.transcoded",
)
INTEGRITY = ("assertion.hashedURI.match", "claimSignature.validated", "claimSignature.insideValidity")


def failures(crjson: dict[str, Any], label: str) -> list[str]:
    """Names of the points that the manifest of this label fails."""
    manifest = next(entry for entry in crjson["manifests"] if entry["label"] == label)
    return [name for name, holds in _points(manifest).items() if not holds]


def _points(manifest: dict[str, Any]) -> dict[str, bool]:
    claim = manifest.get("claim.v2", {})
    made = [entry["url"].rsplit("/", 1)[-1] for entry in claim.get("created_assertions", [])]
    assertions = manifest["assertions"]
    actions = assertions.get("c2pa.actions.v2", {}).get("actions", [])
    generator = claim.get("claim_generator_info", {})
    success = {entry["code"] for entry in manifest["validationResults"]["success"]}
    version = tuple(int(part) for part in generator.get("specVersion", "0").split("."))
    soft = [value for name, value in assertions.items() if name.split("__")[0] == "c2pa.soft-binding"]
    return {
        "claim_v2": "claim.v2" in manifest and "claim" not in manifest,
        "label_urn_c2pa": manifest["label"].startswith("urn:c2pa:"),
        "generator_name": bool(generator.get("name")),
        "spec_version": version >= (2, 4),
        "spec_version_not_on_claim": "specVersion" not in claim,
        "instance_id": bool(claim.get("instanceID")),
        "one_actions_assertion": [name for name in assertions if name.startswith("c2pa.actions")]
        == ["c2pa.actions.v2"],
        "all_actions_included": assertions.get("c2pa.actions.v2", {}).get("allActionsIncluded") is True,
        "actions_first_of_created": made[:1] == ["c2pa.actions.v2"],
        "inception_action_first": bool(actions) and actions[0]["action"] in ("c2pa.created", "c2pa.opened"),
        "one_inception_action": sum(a["action"] in ("c2pa.created", "c2pa.opened") for a in actions) == 1,
        "opened_names_its_parent": all(
            a.get("parameters", {}).get("ingredients") for a in actions if a["action"] == "c2pa.opened"
        ),
        "source_types_where_due": all(
            a.get("digitalSourceType") in KNOWN for a in actions if not _exempt(a["action"])
        ),
        "no_source_type_on_opened": all(
            "digitalSourceType" not in a for a in actions if a["action"] == "c2pa.opened"
        ),
        "software_agents_named": all(a.get("softwareAgent", {"name": 1}).get("name") for a in actions),
        "nothing_deprecated": not {name.split("__")[0] for name in assertions} & set(DEPRECATED)
        and not any(name.startswith("stds.") for name in assertions),
        "hard_binding_created": any(name.startswith("c2pa.hash.") for name in made),
        "bound_watermark_has_soft_binding": bool(soft)
        or all(a["action"] != "c2pa.watermarked.bound" for a in actions),
        "no_deprecated_watermark_action": all(a["action"] != "c2pa.watermarked" for a in actions),
        "disclosure_has_model_type": all(
            str(value.get("modelType", "")).startswith("c2pa.types.")
            for name, value in assertions.items()
            if name.startswith("c2pa.ai-disclosure")
        ),
        "integrity": set(INTEGRITY) <= success and not manifest["validationResults"]["failure"],
    }


def _exempt(action: str) -> bool:
    return (
        action in WITHOUT_SOURCE_TYPE
        or action.startswith("c2pa.watermarked")
        or not action.startswith("c2pa.")
    )
