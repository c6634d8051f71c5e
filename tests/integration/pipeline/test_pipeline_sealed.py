"""Material under the minors rule: encrypted, in no general queue, told to the hook by ids, restored when lifted."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from guard.pipeline import afterwards, sealing
from guard.pipeline.hook import Hook
from guard.pipeline.jobs import utc_now
from guard.pipeline.references import Reference
from guard.pipeline.submit import RefusedError, Submission, submit
from guard.store import Seal, StoreError, list_reviews, seals
from tests import media
from tests.house import ALLOWED, MODEL, SEALED_BLOCKED, SEALED_HELD, House, SetScorer
from tests.stub_generator import ReferenceGenerator


@pytest.fixture
def housed(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(house, "generator", ReferenceGenerator())
    return house


@pytest.fixture
def scorer(house: House) -> Iterator[SetScorer]:
    """The picture scorer, which is set back at the end."""
    yield house.scorer
    house.scorer.score_now, house.scorer.category_now = 0.0, "sexual"


@pytest.fixture
def picture(tmp_path: Path) -> Reference:
    path = tmp_path / "picture.png"
    Image.fromarray((media.texture(400, 700, seed=9) * 255).astype(np.uint8)).save(path)
    return Reference(path, hashlib.sha256(path.read_bytes()).hexdigest())


def seals_of(house: House, video_id: str) -> list[Seal]:
    with house.services.database.read() as session:
        return list(seals.seals_of(session, video_id))


def newest(house: House) -> Seal:
    with house.services.database.read() as session:
        return seals.list_seals(session, everything=True)[-1]


def media_left(house: House, video_id: str) -> list[str]:
    """Files of the work folder that show something."""
    root = house.data / "work" / video_id
    return sorted(path.name for path in root.glob("*") if path.suffix != ".json")


def test_a_held_prompt_and_its_picture_are_sealed_and_in_no_general_queue(
    housed: House, picture: Reference
) -> None:
    video_id = housed.submit(SEALED_HELD, reference=picture)
    (sealed,) = seals_of(housed, video_id)
    assert sealed.material == ["reference", "reference.png"]
    assert media_left(housed, video_id) == []
    original = picture.path.read_bytes()
    for path in (housed.data / "sealed" / sealed.id).iterdir():
        assert path.read_bytes()[:16] not in original
        assert b"PNG" not in path.read_bytes()[:64]
    review_id = housed.review_id(video_id, "prompt")
    with housed.services.database.read() as session:
        general, few = (list_reviews(session, limit=500, sealed=sealed)[0] for sealed in (False, True))
    assert review_id not in {review.id for review in general}
    assert review_id in {review.id for review in few}
    for decide in (
        lambda: afterwards.approve(housed.services, housed.engine, review_id, reviewer="Kim"),
        lambda: afterwards.reject(housed.services, review_id, reviewer="Kim"),
    ):
        with pytest.raises(StoreError) as error:
            decide()
        assert error.value.code == "not_found"
    assert housed.video(video_id).hold == "prompt"
    # Lifted by one of the few, the picture is there again and the video is made from it.
    afterwards.approve(housed.services, housed.engine, review_id, reviewer="Robin", sealed=True)
    assert housed.ended(video_id).status == "completed"
    (lifted,) = seals_of(housed, video_id)
    assert lifted.lifted_at is not None
    assert lifted.wrapped_key is None
    assert not (housed.data / "sealed" / sealed.id).exists()


def test_what_is_rejected_stays_sealed_until_it_is_destroyed(
    housed: House, picture: Reference, tmp_path: Path
) -> None:
    video_id = housed.submit(SEALED_HELD, reference=picture)
    afterwards.reject(housed.services, housed.review_id(video_id, "prompt"), reviewer="Robin", sealed=True)
    (sealed,) = seals_of(housed, video_id)
    afterwards.delete(housed.services, video_id, tenant_id=housed.tenant)
    assert sealed.prompt_id is not None
    files = sealing.unseal(housed.services, sealed.id, tmp_path / "report")
    assert [path.name for path in files] == ["prompt.txt", "reference", "reference.png"]
    assert (tmp_path / "report" / "prompt.txt").read_text() == SEALED_HELD
    assert (tmp_path / "report" / "reference").read_bytes() == picture.path.read_bytes()
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    with pytest.raises(StoreError) as error:
        afterwards.erase_prompt(housed.services, sealed.decision_id)
    assert error.value.code == "prompt_sealed"
    sealing.destroy(housed.services, sealed.id)
    with pytest.raises(StoreError) as error, housed.services.database.read() as session:
        housed.services.vault.read(session, sealed.prompt_id)
    assert error.value.code == "prompt_erased"
    with pytest.raises(StoreError):
        sealing.unseal(housed.services, sealed.id, tmp_path / "again")


def test_a_blocked_prompt_is_kept_with_its_picture(housed: House, picture: Reference) -> None:
    with pytest.raises(RefusedError) as refused:
        housed.submit(SEALED_BLOCKED, reference=picture)
    sealed = newest(housed)
    assert sealed.decision_id == refused.value.decision_id
    assert (sealed.video_id, len(sealed.material)) == (None, 1)
    afterwards.expire_prompts(housed.services, before=utc_now())
    with housed.services.database.read() as session:
        assert housed.services.vault.read(session, sealed.prompt_id or "") == SEALED_BLOCKED


@pytest.mark.parametrize(("score", "hold"), [(0.6, "output"), (0.99, None)])
def test_a_clip_under_the_rule_is_sealed(
    house: House, scorer: SetScorer, score: float, hold: str | None
) -> None:
    scorer.score_now, house.scorer.category_now = score, "sexual_minors"
    video_id = house.submit(ALLOWED)
    video = house.held(video_id)
    assert video.hold == hold
    assert video.error_code == (None if hold else "moderation_blocked")
    house.run_ended(video_id)
    (sealed,) = seals_of(house, video_id)
    assert sealed.material == ["raw.avi"]
    assert media_left(house, video_id) == []
    if hold is None:
        return
    scorer.score_now = 0.0
    clips = house.generator.clips
    review_id = house.review_id(video_id, "output")
    afterwards.approve(house.services, house.engine, review_id, reviewer="Robin", sealed=True)
    assert house.ended(video_id).status == "completed"
    assert house.generator.clips == clips, "the very clip that was sealed is released"


def test_altered_material_is_not_restored(housed: House, picture: Reference) -> None:
    video_id = housed.submit(SEALED_HELD, reference=picture)
    (sealed,) = seals_of(housed, video_id)
    path = housed.data / "sealed" / sealed.id / "reference"
    whole = path.read_bytes()
    review_id = housed.review_id(video_id, "prompt")
    for damaged in (whole[:-1], b"\0" + whole[1:], whole + whole):
        path.write_bytes(damaged)
        with pytest.raises(StoreError) as error:
            afterwards.approve(housed.services, housed.engine, review_id, reviewer="Robin", sealed=True)
        assert error.value.code == "sealed_unreadable"
    assert housed.video(video_id).hold == "prompt"
    afterwards.reject(housed.services, review_id, reviewer="Robin", sealed=True)


def test_long_files_are_sealed_in_chunks(house: House, tmp_path: Path) -> None:
    sizes = (0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20)
    paths = [tmp_path / f"{size}.bin" for size in sizes]
    for size, path in zip(sizes, paths, strict=True):
        path.write_bytes(np.random.default_rng(size).bytes(size))
    wrapped = house.services.sealed.put("seal_x", paths)
    row = Seal(id="seal_x", material=[path.name for path in paths], wrapped_key=wrapped)
    house.services.sealed.restore(row, tmp_path / "back")
    assert all((tmp_path / "back" / path.name).read_bytes() == path.read_bytes() for path in paths)
    file = house.data / "sealed" / "seal_x" / f"{3 * 2**20}.bin"
    file.write_bytes(file.read_bytes()[: 2 * (2**20 + 16)])  # cut between chunks
    with pytest.raises(StoreError):
        house.services.sealed.restore(row, tmp_path / "cut")
    other = Seal(id="seal_y", material=[], wrapped_key=wrapped)
    with pytest.raises(StoreError):
        house.services.sealed.restore(other, tmp_path / "other")
    house.services.sealed.remove("seal_x")


def test_the_hook_is_told_ids_until_it_takes_them(house: House, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        house.submit(SEALED_BLOCKED)
    sealed = newest(house)
    taken = tmp_path / "told.jsonl"
    script = (
        "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10)); sys.exit(int(sys.argv[2]))"
    )

    def hooked(code: int) -> Any:
        command = (sys.executable, "-c", script, str(taken), str(code))
        return dataclasses.replace(house.services, hook=Hook(command, seconds=60))

    with house.services.database.write() as session:  # those of other tests are told already
        for other in seals.untold(session, now=None):
            if other.id != sealed.id:
                seals.told(session, other.id, success=True, now=utc_now())
    assert sealing.tell(hooked(3)) == (0, 1)
    assert sealing.tell(hooked(0)) == (0, 0), "not due yet"
    assert sealing.tell(hooked(0), at_once=True) == (1, 0)
    assert sealing.tell(hooked(0), at_once=True) == (0, 0)
    told = [json.loads(line) for line in taken.read_text().splitlines()]
    assert told[0] == told[1] == sealing.ids_of(sealed)
    assert "mutelark" not in taken.read_text()
    broken = dataclasses.replace(house.services, hook=Hook(("/no/such/program",)))
    assert not broken.hook.tell({})


@pytest.mark.parametrize("medium", ["clip", "picture"])
def test_the_hook_hears_of_prompts_references_and_results_and_no_log_of_what_they_hold(
    housed: House,
    scorer: SetScorer,
    picture: Reference,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    medium: str,
) -> None:
    still: dict[str, Any] = {"seconds": 0, "size": "512x512", "format": "png"} if medium == "picture" else {}

    def ask(prompt: str, **more: Any) -> str:
        request = {"model": MODEL, "seconds": 2, "size": "640x360", "seed": 23, **still, **more}
        asked = Submission(housed.tenant, prompt, **request)
        return submit(housed.services, housed.engine, asked).id

    def seen() -> set[str]:
        with housed.services.database.read() as session:
            return {found.id for found in seals.list_seals(session, everything=True)}

    before = seen()
    with pytest.raises(RefusedError):
        ask(SEALED_BLOCKED)
    held = ask(SEALED_HELD)
    scorer.score_now, scorer.category_now = 0.99, "sexual_minors"
    result = ask(ALLOWED)
    assert housed.ended(result).error_code == "moderation_blocked"
    made = 3
    if medium == "clip":
        reference = ask(ALLOWED, reference=picture)
        assert housed.ended(reference).error_code == "moderation_blocked"
        (sealed,) = seals_of(housed, reference)
        assert (sealed.stage, sealed.material) == ("input", ["reference", "reference.png"])
        made += 1
    fresh = seen() - before
    assert len(fresh) == made
    script = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"
    taken = tmp_path / "told.jsonl"
    hook = Hook((sys.executable, "-c", script, str(taken)), seconds=60)
    sealing.tell(dataclasses.replace(housed.services, hook=hook), at_once=True)
    told = [json.loads(line) for line in taken.read_text().splitlines()]
    assert fresh <= {ids["seal"] for ids in told}
    assert all(set(ids) == {"seal", "decision", "video", "tenant", "stage", "created"} for ids in told)
    logs = "".join(capfd.readouterr())
    assert "sealed" in logs
    for word in ("hushwren", "mutelark", "red ball"):
        assert word not in logs + taken.read_text()
    review_id = housed.review_id(held, "prompt")
    afterwards.reject(housed.services, review_id, reviewer="Robin", sealed=True)


def test_the_hook_can_be_an_address(house: House) -> None:
    bodies: list[dict[str, Any]] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204 if len(bodies) > 1 else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        hook = Hook(address=f"http://127.0.0.1:{server.server_port}/seals")
        assert not hook.tell({"seal": "seal_1"})
        assert hook.tell({"seal": "seal_1"})
    finally:
        server.shutdown()
    assert bodies == [{"seal": "seal_1"}] * 2
    assert not Hook(address=f"http://127.0.0.1:{server.server_port}/", seconds=1).tell({})
