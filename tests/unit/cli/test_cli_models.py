"""`guard models` on the real registry and on a model that the settings name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.identity import digest_of
from tests import tiny_pictures, tiny_pipelines
from tests.unit.cli.conftest import Guard

REPOSITORY = "somebody/tiny-sdxl"


@pytest.fixture
def usb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.save(tiny_pictures.sdxl, tmp_path_factory.mktemp("usb"))


@pytest.fixture
def configured(guard: Guard, usb: Path, tmp_path: Path) -> Guard:
    """`guard` with a repository that is not in the cache, and a folder."""
    (tmp_path / "guard.yaml").write_text(
        "generators:\n"
        "  - {backend: embedded}\n"
        f"  - {{backend: diffusers, model: far, path: {REPOSITORY}, revision: v1, licence: openrail, seconds: []}}\n"
        f"  - {{backend: diffusers, model: near, path: '{usb}', licence: openrail, seconds: []}}\n"
    )
    return guard


def test_list_shows_ours_others_and_the_operators(configured: Guard, usb: Path) -> None:
    rows = {row["name"]: row for row in configured("models", "list", "--json").json}
    assert set(rows) >= {"prompt-classifier", "embedded-generator", "open-nsfw", "far", "near"}
    fetched_by_nobody = {"far": "missing", "face-detector": "absent", "text-in-pictures": "absent"}
    assert {name: row["state"] for name, row in rows.items()} == (
        dict.fromkeys(rows, "present") | fetched_by_nobody
    )
    far, near = rows["far"], rows["near"]
    assert (far["kind"], far["source"], far["revision"], far["licence"]) == (
        "repository", REPOSITORY, "v1", "openrail"
    )  # fmt: skip
    assert (near["kind"], near["source"]) == ("folder", str(usb))
    assert all(row["licence"] and row["purpose"] for row in rows.values())
    assert rows["open-nsfw"]["size"] > 20_000_000
    text = configured("models", "list")
    assert text.code == 0
    assert " 0.0 MB" not in text.out
    assert re.search(r"embedded-generator +package", text.out)


def test_info_gives_digests_and_verify_compares_them(configured: Guard, usb: Path) -> None:
    near = configured("models", "info", "near", "--json").json
    assert near["digest"] == digest_of(usb)
    assert "unet/diffusion_pytorch_model.safetensors" in near["files"]
    ours = configured("models", "info", "open-nsfw")
    assert "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa  open-nsfw.onnx" in ours.out
    assert configured("models", "verify", "open-nsfw").out == "open-nsfw: intact\n"
    assert configured("models", "verify", "near").out == "near: present, no digest is pinned\n"
    absent = configured("models", "verify", "face-detector")
    assert (absent.code, absent.out) == (
        0,
        "face-detector: absent (optional: guard models fetch face-detector)\n",
    )
    everything = configured("models", "verify", "--json")
    assert everything.code == 1
    assert everything.json["absent"] == ["face-detector", "text-in-pictures"]
    assert {"open-nsfw", "far"} <= set(everything.json["checked"])
    assert everything.json["problems"] == [{"model": "far", "file": REPOSITORY, "kind": "missing"}]


def test_a_model_from_a_folder_is_fetched_listed_and_used(
    configured: Guard, usb: Path, tmp_path: Path
) -> None:
    fetched = configured("models", "fetch", "far", "--from", usb, "--json").json
    assert fetched == {
        "name": "far", "folder": str(tmp_path / ".guard" / "models" / "far"), "digest": digest_of(usb)
    }  # fmt: skip
    assert configured("models", "verify", "far").code == 0
    from guard.backends import loader
    from guard.settings import load_settings

    generator = loader(load_settings().generators[1], tmp_path / ".guard" / "models")()
    assert (generator.info.name, generator.info.revision) == (REPOSITORY, "v1")
    assert generator.info.digest == fetched["digest"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("info", "none"), "model_unknown"),
        (("verify", "none"), "model_unknown"),
        (("fetch", "near"), "model_not_fetchable"),
        (("fetch", "prompt-classifier"), "model_not_fetchable"),
    ],
)
def test_what_cannot_be_done_is_said(configured: Guard, arguments: tuple[str, ...], code: str) -> None:
    ran = configured("models", *arguments)
    assert ran.code == 1
    assert f"error [{code}]" in ran.err


def test_the_embedded_model_does_not_load_with_an_altered_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from guard import models
    from guard.backends import loader
    from guard.models import registry
    from guard.settings import EmbeddedBackend

    entries = json.loads(registry.REGISTRY.read_text("utf-8"))
    (embedded,) = (entry for entry in entries if entry["name"] == "embedded-generator")
    embedded["files"]["model_index.json"] = "0" * 64
    other = tmp_path / "registry.json"
    other.write_text(json.dumps(entries))
    monkeypatch.setattr("guard.backends.locate", lambda name: models.locate(name, other))
    with pytest.raises(models.ModelError) as refused:
        loader(EmbeddedBackend(), tmp_path)()
    assert refused.value.code == "model_altered"
