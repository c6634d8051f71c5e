"""Signing: what the manifest says, whole files or none, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import av
import c2pa
import pytest
from PIL import Image

from guard.credentials import CredentialsError, Identity, Ingredient, ManifestSpec, Model, Trust, read, sign
from guard.credentials.context import context_for
from guard.credentials.manifest import SoftBinding
from guard.media import MediaError, strip_metadata
from tests import credentials_rubric, media
from tests.credentials_fixtures import PAYLOAD
from tests.credentials_forge import altered, box, created, definition, flipped, sign_as_is


def crjson(path: Path, trust: Trust) -> dict[str, Any]:
    with c2pa.Reader(path, context=context_for(trust)) as reader:
        return json.loads(reader.crjson())


def test_the_result_names_the_manifest_that_is_in_the_file(
    clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    result = sign(clip, out, spec, identity)
    report = read(out, trust)
    assert report.manifest_id == result.manifest_id
    assert result.manifest_id.startswith("urn:c2pa:")
    assert result.manifest_digest == "sha256:" + sha256(result.manifest).hexdigest()
    assert result.manifest in out.read_bytes()
    assert result.size == out.stat().st_size
    assert list(tmp_path.iterdir()) == [out]
    assert sign(clip, out, spec, identity).manifest_id != result.manifest_id


def test_a_reader_learns_model_bindings_and_rights(signed: Path, trust: Trust) -> None:
    claims = read(signed, trust).claims
    assert claims is not None
    assert [action.action for action in claims.actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert claims.actions[0].software_agent == "scenes r7"
    assert claims.claimed_at == "2026-11-23T12:00:00Z"
    assert claims.signed_at is None  # nobody stamped it
    assert claims.digital_source_types == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    )
    assert [(b.alg, b.payload) for b in claims.soft_bindings] == [
        ("io.github.generation-guard.lattice.1", PAYLOAD),
        ("io.github.generation-guard.vpdq.1", bytes(range(64))),
    ]
    assert claims.ai_disclosure is not None
    assert "sha256:" + "ab" * 32 in str(claims.ai_disclosure["modelIdentifier"])
    assert claims.training_mining == {"cawg.ai_generative_training": "notAllowed"}
    assert claims.claim_generator == "Guard 0.1.0"


@pytest.mark.parametrize("prompt", [None, "a red ball on green grass"])
@pytest.mark.parametrize("kind", ["text_to_video", "image_to_video", "remix", "edit", "picture"])
def test_every_kind_of_manifest_passes_the_rubric(
    kind: Any,
    prompt: str | None,
    clip: Path,
    signed: Path,
    spec: ManifestSpec,
    identity: Identity,
    trust: Trust,
    tmp_path: Path,
) -> None:
    ingredients = {
        "image_to_video": (Ingredient(signed, "input.mp4", "inputTo"),),
        "remix": (Ingredient(signed, "remixed.mp4", "inputTo", "Its settings alone."),),
        "edit": (Ingredient(signed, "parent.mp4", "parentOf"), Ingredient(clip, "input.mp4", "inputTo")),
    }.get(kind, ())
    source = clip
    if kind == "picture":
        source = tmp_path / "picture.png"
        Image.fromarray(next(media.scene(64, 48, 1))).save(source)
    out = tmp_path / f"out{source.suffix}"
    result = sign(source, out, replace(spec, kind=kind, ingredients=ingredients, prompt=prompt), identity)
    found = crjson(out, trust)
    assert credentials_rubric.failures(found, result.manifest_id) == []
    inputs = [entry for entry in read(out, trust).ingredients if entry.title != "prompt"]
    assert [entry.relationship for entry in inputs] == [entry.relationship for entry in ingredients]
    if ingredients:
        assert inputs[0].state == "trusted"  # its own credentials went along
        assert inputs[0].claims is not None
    manifest = next(entry for entry in found["manifests"] if entry["label"] == result.manifest_id)
    told = [
        value.get("description", "") for name, value in manifest["assertions"].items() if "ingredient" in name
    ]
    assert [text for text in told if text] == [
        entry.description for entry in ingredients if entry.description
    ]
    actions = manifest["assertions"]["c2pa.actions.v2"]["actions"]
    made = actions[1 if kind == "edit" else 0]
    assert made["softwareAgent"]["io.github.generation-guard.digest"] == spec.model.digest
    named = made.get("parameters", {}).get("ingredients", [])
    assert len(named) == sum(e.relationship == "inputTo" for e in ingredients) + (prompt is not None)


def test_a_prompt_is_in_the_file_only_if_asked_for(
    clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    asked = replace(spec, prompt="a purple zeppelin")
    assert "zeppelin" not in repr(asked)
    sign(clip, tmp_path / "with.mp4", asked, identity)
    sign(clip, tmp_path / "without.mp4", spec, identity)
    assert b"a purple zeppelin" in (tmp_path / "with.mp4").read_bytes()
    assert b"zeppelin" not in (tmp_path / "without.mp4").read_bytes()
    (node,) = read(tmp_path / "with.mp4", trust).ingredients
    assert (node.title, node.relationship, node.state) == ("prompt", "inputTo", "absent")


def test_the_rubric_can_fail(
    clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    result = sign(clip, out, spec, identity)
    naive = crjson(out, trust)
    manifest = naive["manifests"][0]
    manifest["claim.v2"]["created_assertions"].reverse()
    del manifest["claim.v2"]["claim_generator_info"]["specVersion"]
    del manifest["assertions"]["c2pa.actions.v2"]["allActionsIncluded"]
    del manifest["assertions"]["c2pa.actions.v2"]["actions"][0]["digitalSourceType"]
    assert credentials_rubric.failures(naive, result.manifest_id) == [
        "spec_version",
        "all_actions_included",
        "actions_first_of_created",
        "source_types_where_due",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"created": datetime(2026, 1, 1)},  # noqa: DTZ001 - the point of the case
        {"model": Model("scenes", "r7", "sha256:12")},
        {"watermark": SoftBinding("lattice", PAYLOAD)},
        {"watermark": SoftBinding("io.example.mark", b"")},
        {"kind": "edit"},
        {"kind": "image_to_video"},
        {"kind": "remix"},
        {"kind": "remix", "ingredients": (Ingredient(Path("x"), "x", "inputTo"),)},
        {"kind": "remix", "ingredients": (Ingredient(Path("x"), "x", "parentOf", "All of it."),)},
        {"ingredients": (Ingredient(Path("x"), "x", "inputTo"),)},
        {"kind": "image_to_video", "ingredients": (Ingredient(Path("x"), "x", "parentOf"),)},
        {"training_mining": {"cawg.unheard_of": "allowed"}},
    ],
)
def test_a_false_or_malformed_manifest_is_refused(spec: ManifestSpec, change: dict[str, Any]) -> None:
    with pytest.raises(CredentialsError) as error:
        replace(spec, **change)
    assert error.value.code == "manifest_invalid"


def test_a_manifest_that_would_be_lost_is_refused_unless_kept_as_parent(
    signed: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    with pytest.raises(CredentialsError) as error:
        sign(signed, tmp_path / "out.mp4", spec, identity)
    assert error.value.code == "credentials_would_be_lost"
    parent = Ingredient(signed, "before.mp4", "parentOf")
    sign(signed, tmp_path / "out.mp4", replace(spec, kind="edit", ingredients=(parent,)), identity)
    report = read(tmp_path / "out.mp4", trust)
    assert report.state == "trusted"
    assert report.ingredients[0].state == "trusted"


def test_damaged_credentials_are_not_dropped_silently_either(
    signed: Path, spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    damaged = flipped(signed, tmp_path / "damaged.mp4", box(signed, "/uuid").start + 60)
    with pytest.raises(CredentialsError) as error:
        sign(damaged, tmp_path / "out.mp4", spec, identity)
    assert error.value.code == "credentials_would_be_lost"


def test_a_pointer_to_credentials_elsewhere_is_not_dropped_either(
    clip: Path, spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    made, url = definition(created("digitalCapture")), "http://127.0.0.1:9/manifest.c2pa"
    pointing = sign_as_is(clip, tmp_path / "pointing.mp4", made, identity, remote_url=url, embed=False)
    with pytest.raises(CredentialsError) as error:
        sign(pointing, tmp_path / "out.mp4", spec, identity)
    assert error.value.code == "credentials_would_be_lost"


def test_formats_that_carry_no_manifest_are_refused(
    spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    matroska = media.write_clip(tmp_path / "clip.mkv", media.scene(64, 48, 4))
    text = tmp_path / "prompt.mp4"
    text.write_text("not a video")
    for source in (matroska, text):
        with pytest.raises(CredentialsError, match="mp4") as error:
            sign(source, tmp_path / "out.mp4", spec, identity)
        assert error.value.code == "format_unsupported"


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [("mkv", "libx264", "aac"), ("webm", "libvpx-vp9", "libopus"), ("ts", "libx264", "aac")],
)
def test_what_carries_no_manifest_is_converted_without_coding_it_anew(
    suffix: str, codec: str, sound: str, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    source, converted = tmp_path / f"clip.{suffix}", tmp_path / "clip.mp4"
    media.write_clip(source, media.scene(64, 48, 12), codec=codec, sound=sound, seconds=0.5)
    assert read(source, trust).reason == "format_unsupported"
    strip_metadata(source, converted)
    sign(converted, tmp_path / "out.mp4", spec, identity)
    assert read(tmp_path / "out.mp4", trust).state == "trusted"
    before, after = held(source), held(tmp_path / "out.mp4")
    assert before.pictures == after.pictures
    # A transport stream has a header before each packet of sound.
    assert all(b.endswith(a) for b, a in zip(before.sound, after.sound, strict=True))


class Held(NamedTuple):
    """What a file holds: decoded pictures with their times, and coded sound."""

    pictures: list[tuple[float, bytes]]
    sound: list[bytes]


def held(path: Path) -> Held:
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert len(frames) == 12
    assert len(sound) > 20
    return Held([(round(time - frames[0][0], 2), pixels) for time, pixels in frames], sound)


def test_a_codec_that_mp4_does_not_hold_is_said(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "clip.webm", media.scene(64, 48, 4), codec="libvpx")
    with pytest.raises(MediaError) as error:
        strip_metadata(source, tmp_path / "clip.mp4")
    assert error.value.code == "media_codec_unsupported"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.webm"]


def test_a_failing_disk_is_said_and_the_old_file_stays(
    clip: Path, spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    with pytest.raises(CredentialsError) as error:
        sign(clip, tmp_path / "missing" / "out.mp4", spec, identity)
    assert error.value.code == "storage_failed"
    out = tmp_path / "out.mp4"
    out.write_bytes(b"before")
    cut = altered(clip, tmp_path / "cut.mp4", lambda data: data.__delitem__(slice(-500, None)))
    with pytest.raises(CredentialsError):
        sign(cut, out, spec, identity)
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mp4", "out.mp4"]


@pytest.mark.parametrize("suffix", ["mov", "png", "jpg", "webp", "avif", "gif", "tiff"])
def test_other_formats_sign_and_read(
    suffix: str, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    source = tmp_path / f"source.{suffix}"
    if suffix == "mov":
        media.write_clip(source, media.scene(64, 48, 4))
    else:
        Image.fromarray(next(media.scene(64, 48, 1))).save(source)
    out = tmp_path / f"out.{suffix}"
    sign(source, out, spec, identity)
    assert read(out, trust).state == "trusted"
