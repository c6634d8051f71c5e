"""A picture that a request brings: judged, kept privately while it is needed, used, declared, and gone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from guard import credentials
from guard.credentials import Trust
from guard.credentials.reading import read
from guard.media import VideoFile
from guard.pipeline import afterwards
from guard.pipeline.errors import PipelineError
from guard.pipeline.references import SETTINGS_ALONE, Reference, Source
from guard.store import decisions
from tests import media
from tests.house import HELD, House
from tests.stub_generator import ReferenceGenerator

PROMPT = "a red ball rolls over green grass"


@pytest.fixture
def picture(tmp_path: Path) -> Reference:
    """A textured picture, larger than the clip and of another shape."""
    path = tmp_path / "picture.png"
    Image.fromarray((media.texture(500, 700, seed=4) * 255).astype(np.uint8)).save(path)
    return Reference.of(path)


@pytest.fixture
def housed(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(house, "generator", ReferenceGenerator())
    yield house
    house.scorer.score_now = 0.0


def released(house: House, video_id: str, folder: Path) -> Path:
    release = house.release_of(video_id)
    assert release is not None
    file = folder / "clip.mp4"
    file.write_bytes(b"".join(house.services.objects.stream(release.object_key)))
    return file


def stages(house: House, video_id: str) -> list[tuple[str, str]]:
    with house.services.database.read() as session:
        return [(row.stage, row.action) for row in decisions.decisions_of(session, video_id)]


def first_frame(file: Path) -> NDArray[np.float32]:
    return next(VideoFile(file).chunks()).frames[0].astype(np.float32)


def signed_picture(house: House, reference: Reference, folder: Path) -> Reference:
    """The same picture with credentials of this house."""
    spec = credentials.ManifestSpec(
        title="holiday.png",
        kind="picture",
        created=datetime(2026, 11, 1, tzinfo=UTC),
        model=credentials.Model("Painter", "1", "sha256:" + "0" * 64),
        watermark=credentials.SoftBinding("org.example.none", b"x"),
        application=house.services.application,
    )
    credentials.sign(reference.path, folder / "signed.png", spec, house.services.identity())
    return Reference.of(folder / "signed.png")


def test_the_picture_is_used_declared_and_gone(housed: House, picture: Reference, tmp_path: Path) -> None:
    video = housed.ended(housed.submit(reference=picture))
    assert (video.status, video.error_message) == ("completed", None)
    assert stages(housed, video.id) == [("prompt", "allow"), ("input", "allow"), ("output", "allow")]
    file = released(housed, video.id, tmp_path)
    # 700 x 500 covers 640 x 360 at 640 x 457; the middle 360 rows remain.
    wanted = Image.open(picture.path).resize((640, 457)).crop((0, 48, 640, 408))
    assert media.psnr(first_frame(file).astype(np.uint8), np.asarray(wanted)) > 25
    report = read(file, Trust())
    assert report.state in ("valid", "trusted")
    (ingredient,) = report.ingredients
    assert (ingredient.title, ingredient.relationship, ingredient.state) == (
        "Reference picture", "inputTo", "absent"
    )  # fmt: skip
    housed.run_ended(video.id)
    assert video.id not in housed.work_left()


def test_credentials_of_the_picture_go_along(housed: House, picture: Reference, tmp_path: Path) -> None:
    signed = signed_picture(housed, picture, tmp_path)
    video = housed.ended(housed.submit(seed=8, reference=signed))
    assert (video.status, video.error_message) == ("completed", None)
    (ingredient,) = read(released(housed, video.id, tmp_path), Trust()).ingredients
    assert ingredient.state == "valid"
    assert ingredient.claims is not None
    assert b"Painter@1" in released(housed, video.id, tmp_path).read_bytes()


def test_a_picture_that_the_policy_blocks_ends_the_job_before_anything_is_made(
    housed: House, picture: Reference
) -> None:
    housed.scorer.score_now = 0.99
    video = housed.ended(housed.submit(seed=9, reference=picture))
    assert (video.status, video.error_code) == ("failed", "moderation_blocked")
    assert stages(housed, video.id) == [("prompt", "allow"), ("input", "block")]
    housed.run_ended(video.id)
    assert video.id not in housed.work_left()
    assert housed.release_of(video.id) is None


def test_a_doubtful_picture_waits_for_a_person_and_is_kept_privately(
    housed: House, picture: Reference, tmp_path: Path
) -> None:
    limits = housed.services.judge.policy.categories["sexual"].frames  # type: ignore[index]
    housed.scorer.score_now = (limits.review + limits.block) / 2
    video = housed.held(housed.submit(seed=10, reference=picture))
    assert (video.status, video.hold) == ("in_progress", "input")
    folder = housed.data / "work" / video.id
    names = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert set(names) == {"reference", "reference.png", "reference.json"}
    assert names["reference"] == names["reference.png"] == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    housed.run_ended(video.id)
    housed.scorer.score_now = 0.0
    afterwards.approve(
        housed.services, housed.engine, housed.review_id(video.id, "input"), reviewer="somebody"
    )
    done = housed.ended(video.id)
    assert (done.status, done.error_message) == ("completed", None)
    rejected = housed.submit(HELD, seed=11, reference=picture)
    assert rejected in housed.work_left()
    afterwards.reject(housed.services, housed.review_id(rejected, "prompt"), reviewer="somebody")
    assert rejected not in housed.work_left()


def test_a_picture_that_was_touched_is_not_used(housed: House, picture: Reference) -> None:
    video_id = housed.submit(HELD, seed=12, reference=picture)
    with (housed.data / "work" / video_id / "reference.png").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    afterwards.approve(
        housed.services, housed.engine, housed.review_id(video_id, "prompt"), reviewer="somebody"
    )
    video = housed.ended(video_id)
    assert (video.status, video.error_code) == ("failed", "reference_lost")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no picture", "media_unreadable"),
        (b"GIF89a" + bytes(64), "media_unreadable"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "media_unreadable"),
    ],
)
def test_what_is_no_picture_makes_no_job(housed: House, content: bytes, code: str, tmp_path: Path) -> None:
    before = housed.work_left()
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(PipelineError) as refused:
        housed.submit(seed=13, reference=Reference.of(path))
    assert (refused.value.code, refused.value.param) == (code, "input_reference")
    assert housed.work_left() == before


def test_a_model_that_takes_none_refuses_it(house: House, picture: Reference) -> None:
    with pytest.raises(PipelineError) as refused:
        house.submit(seed=14, reference=picture)
    assert (refused.value.code, refused.value.param) == ("reference_unsupported", "input_reference")


def test_a_job_that_cannot_be_written_down_leaves_no_picture(
    housed: House, picture: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = housed.work_left()

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr("guard.pipeline.submit.video_rows.create_video", fails)
    with pytest.raises(RuntimeError):
        housed.submit(seed=15, reference=picture)
    assert housed.work_left() == before


def test_a_model_that_needs_one_says_so(housed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    needing = ReferenceGenerator()
    needing.info = dataclasses.replace(needing.info, needs_reference=True)
    monkeypatch.setattr(housed, "generator", needing)
    with pytest.raises(PipelineError) as refused:
        housed.submit(seed=16)
    assert refused.value.code == "reference_required"


def source(house: House, video_id: str, folder: Path) -> Source:
    file = released(house, video_id, folder)
    return Source(file, Reference.of(file).digest, video_id)


def manifests(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the C2PA library reads by itself: the active manifest, and all by their label."""
    with c2pa.Reader(str(file)) as reader:
        store = json.loads(reader.json())
    return store["manifests"][store["active_manifest"]], store["manifests"]


def test_a_remix_by_a_model_that_takes_pictures_is_an_edit_of_its_parent(
    housed: House, tmp_path: Path
) -> None:
    first = housed.ended(housed.submit(seed=21))
    parent = source(housed, first.id, tmp_path)
    opening, name = first_frame(parent.path), manifests(parent.path)[0]["label"]
    video = housed.ended(housed.submit("a blue ball rolls over sand", seed=22, source=parent))
    assert (video.status, video.error_message) == ("completed", None)
    assert (video.remixed_from, video.has_reference) == (first.id, True)
    assert stages(housed, video.id) == [("prompt", "allow"), ("input", "allow"), ("output", "allow")]
    (folder := tmp_path / "remix").mkdir()
    file = released(housed, video.id, folder)
    assert media.psnr(first_frame(file).astype(np.uint8), opening.astype(np.uint8)) > 25
    active, every = manifests(file)
    actions = next(
        item["data"]["actions"] for item in active["assertions"] if item["label"] == "c2pa.actions.v2"
    )
    assert [action["action"] for action in actions] == [
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.watermarked.bound",
    ]
    (ingredient,) = active["ingredients"]
    assert (ingredient["relationship"], ingredient["active_manifest"]) == ("parentOf", name)
    assert set(every) == {active["label"], name}
    failures = ingredient["validation_results"]["activeManifest"]["failure"]
    assert {item["code"] for item in failures} == {
        "signingCredential.untrusted"
    }  # the library was told of no list
    report = read(file, Trust.from_folder(housed.installation.paths.signing))
    assert (report.state, report.ingredient_failures) == ("trusted", ())
    (node,) = report.ingredients
    assert (node.title, node.relationship, node.state) == ("Remixed video", "parentOf", "trusted")
    housed.run_ended(video.id)
    assert video.id not in housed.work_left()


def test_a_remix_by_a_model_that_takes_none_names_its_source_and_says_what_was_used_of_it(
    house: House, tmp_path: Path
) -> None:
    first = house.ended(house.submit(seed=23))
    before = source(house, first.id, tmp_path)
    name = manifests(before.path)[0]["label"]
    video = house.ended(house.submit("a blue ball rolls over sand", seed=24, source=before))
    assert (video.status, video.error_message) == ("completed", None)
    assert (video.remixed_from, video.has_reference) == (first.id, False)
    (folder := tmp_path / "remix").mkdir()
    active, every = manifests(released(house, video.id, folder))
    actions = next(
        item["data"]["actions"] for item in active["assertions"] if item["label"] == "c2pa.actions.v2"
    )
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    (ingredient,) = active["ingredients"]
    assert (ingredient["relationship"], ingredient["active_manifest"]) == ("inputTo", name)
    assert ingredient["description"] == SETTINGS_ALONE
    assert set(every) == {active["label"], name}
    house.run_ended(video.id)
    assert video.id not in house.work_left()


def test_a_remix_whose_source_was_touched_is_not_signed(house: House, tmp_path: Path) -> None:
    first = house.ended(house.submit(seed=25))
    video_id = house.submit(HELD, seed=26, source=source(house, first.id, tmp_path))
    with (house.data / "work" / video_id / "reference").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    afterwards.approve(house.services, house.engine, house.review_id(video_id, "prompt"), reviewer="somebody")
    video = house.ended(video_id)
    assert (video.status, video.error_code) == ("failed", "reference_lost")
