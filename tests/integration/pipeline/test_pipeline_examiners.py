"""What examiners beside the embedded judge find in a clip: it is not released, and a known picture is sealed."""

from __future__ import annotations

import dataclasses
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from generator import GenerationRequest
from guard.bootstrap import default_tenant
from guard.fingerprints.pdq import pdq
from guard.installation import Installation, open_installation
from guard.pipeline.steps import VideoSteps
from guard.pipeline.submit import Submission, submit
from guard.pipeline.workflow import Outcome
from guard.settings import Settings
from guard.store import Seal, seals
from guard.store import decisions as decision_rows
from guard.store.models import Decision
from policies import Category, Examiner, Judge, NgramClassifier
from policies.examiner import Listening
from policies.hashes import HashList, HashLists
from tests.house import ALLOWED, MODEL, SetScorer
from tests.integration.pipeline.test_pipeline_sound import SoundingGenerator
from tests.policy import BLOCKED_WORD, write_policy
from tests.stub_generator import PictureGenerator

SEED = 11


class Hearing:
    """Hears what it is told to, and keeps what it was given."""

    id, digest = "hearing", ""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def transcribe(self, sound: bytes) -> str:
        self.given.append(sound)
        return f"look, the {BLOCKED_WORD}"


class Unqueued:
    """In the engine's place: the steps are gone through here, as far as a test needs them."""

    def submit(self, video_id: str) -> None:
        """Nothing to do."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("examiners")
    policy = write_policy(folder / "policy.yaml")
    found = open_installation(Settings(data=folder / "data", policy=policy))
    yield found
    found.close()


def judged(
    opened: Installation, generator: PictureGenerator, **parts: object
) -> tuple[Outcome, Decision, list[Seal]]:
    """A clip made, and examined with these parts."""
    judge = Judge(opened.services.judge.policy, NgramClassifier.embedded(), SetScorer())
    examiner = Examiner(judge, **parts)  # type: ignore[arg-type]
    services = dataclasses.replace(
        opened.services, make_judge=lambda: examiner, generators={MODEL: lambda: generator}
    )
    asked = Submission(default_tenant(opened), ALLOWED, MODEL, 2, "640x360", seed=SEED)
    video_id = submit(services, Unqueued(), asked).id  # type: ignore[arg-type]
    steps = VideoSteps(services, opened.jobs)
    assert steps.examine_inputs(video_id)["state"] == steps.generate(video_id)["state"] == "done"
    outcome = steps.examine_output(video_id)
    with services.database.read() as session:
        return (
            outcome,
            decision_rows.decisions_of(session, video_id)[-1],
            list(seals.seals_of(session, video_id)),
        )


def test_what_is_said_in_a_clip_is_judged(opened: Installation) -> None:
    hearing = Hearing()
    outcome, row, _ = judged(opened, SoundingGenerator(), listening=Listening(hearing))
    (sound,) = hearing.given
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(2.0, abs=0.1)
    assert row.reason == "spoken.rule.test.blocked"
    assert (outcome["state"], outcome["code"]) == ("failed", "moderation_blocked")
    seen = {item["examiner"]: item["state"] for item in row.details["evidence"]}
    assert seen["spoken"] == "examined"
    assert seen["written"] == seen["faces"] == seen["hash-lists"] == "absent"


def test_a_clip_without_sound_is_not_sent(opened: Installation) -> None:
    hearing = Hearing()
    outcome, row, _ = judged(opened, PictureGenerator(), listening=Listening(hearing))
    assert outcome["state"] == "done"
    assert hearing.given == []
    assert {"spoken": "skipped"}.items() <= {
        i["examiner"]: i["state"] for i in row.details["evidence"]
    }.items()


def test_a_clip_that_shows_a_known_picture_is_sealed(opened: Installation, tmp_path: Path) -> None:
    request = GenerationRequest(prompt="", seconds=2, width=640, height=360, seed=SEED)
    first = next(iter(PictureGenerator().generate(request).chunks))[0]
    path = tmp_path / "list.txt"
    path.write_text(pdq(np.ascontiguousarray(first))[0].hex() + "\n")
    lists = HashLists([HashList("authority", path, Category.VIOLENCE_GORE)], pdq)
    outcome, row, (sealed,) = judged(opened, PictureGenerator(), hash_lists=lists)
    assert (outcome["state"], outcome["code"]) == ("failed", "moderation_blocked")
    assert row.reason == "hash.authority"
    assert sealed.material
