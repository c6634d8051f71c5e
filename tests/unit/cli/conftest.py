"""The command line as its users run it: `main()` with arguments, on a prepared installation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from guard.cli import main
from guard.cli.generate import Made, finish, submit
from guard.installation import Installation, Paths, Record, open_installation, open_record
from guard.pipeline.jobs import utc_now
from guard.settings import EncoderSettings, Settings
from guard.store import Database, Vault, create_video, find_tenant, open_review, record_decision
from tests.policy import write_policy
from tests.worker import with_pictures

PROMPT = "a red ball rolls over green grass"


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed; it must be all of standard output."""
        return json.loads(self.out)


Guard = Callable[..., Ran]


@dataclass(frozen=True)
class Prepared:
    """An installation with one released video."""

    data: Path
    made: Made
    anchor: Path


def settings(data: Path) -> Settings:
    """Fast encoding, and a policy with a harmless word that is blocked and one that is held."""
    return Settings(
        data=data,
        policy=write_policy(data.parent / "policy.yaml"),
        encoder=EncoderSettings(preset="ultrafast"),
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Made once: a video goes all the way from prompt to release."""
    folder = tmp_path_factory.mktemp("cli")
    opened = with_pictures(open_installation(settings(folder / "data")))
    try:
        video = submit(opened, PROMPT, seconds=2, size="640x360", seed=7)
        made = finish(opened, video.id, folder / "out", quiet=True)
    finally:
        opened.close()
    return Prepared(folder / "data", made, opened.paths.signing / "ca.pem")


@pytest.fixture
def guard(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Guard]:
    """Runs `guard` with arguments, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("GUARD_DATA", "GUARD_CONFIG", "GUARD_API_KEY"):
        monkeypatch.setenv(name, "")  # so that what a command sets is taken back
        monkeypatch.delenv(name)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["guard", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    yield run
    structlog.reset_defaults()  # it holds this test's standard error


@pytest.fixture
def here(guard: Guard, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """`guard` on the prepared installation, with the tests' pictures in place of the model."""

    def opened(_: Settings) -> Installation:
        return with_pictures(open_installation(settings(prepared.data)))

    def recorded(_: Settings) -> AbstractContextManager[Record]:
        return open_record(settings(prepared.data))

    monkeypatch.setattr("guard.installation.open_installation", opened)
    monkeypatch.setattr("guard.installation.open_record", recorded)
    return guard


@pytest.fixture
def copied(guard: Guard, prepared: Prepared, tmp_path: Path) -> Callable[..., Ran]:
    """`guard` on a copy of the prepared installation, which a test may spoil; the copy is `./.guard`."""
    shutil.copytree(prepared.data, tmp_path / ".guard")
    return guard


@dataclass(frozen=True)
class Judged:
    """A decision to hold, as a judge hands it over."""

    action: str = "review"
    stage: str = "prompt"
    reason: str = "rule.test.held"
    categories: tuple[str, ...] = ("ip_copyright",)
    scores: dict[str, float] = field(default_factory=lambda: {"ip_copyright": 0.5})
    policy_id: str = "test-policy"
    policy_version: int = 1
    policy_digest: str = "sha256:" + "ab" * 32
    model_id: str = "classifier-1"
    model_digest: str = "sha256:" + "cd" * 32
    details: dict[str, object] = field(default_factory=dict)


@pytest.fixture
def held(prepared: Prepared) -> str:
    """The id of a review of a video that the policy holds."""
    return hold(prepared)


def hold(prepared: Prepared) -> str:
    """Have the policy hold one more video; the id of its review."""
    database = Database(f"sqlite:///{prepared.data / 'guard.db'}")
    vault = Vault(bytes.fromhex((Paths(prepared.data).keys / "prompts.key").read_text()))
    now = utc_now()
    with database.write() as session:
        tenant = find_tenant(session, "default")
        assert tenant is not None
        prompt = vault.put(session, tenant.id, PROMPT, now=now)
        video = create_video(
            session, tenant_id=tenant.id, model="guard-scenes-1", seconds=2, size="640x360", seed=1, now=now,
            prompt_id=prompt.id,
        )  # fmt: skip
        decision = record_decision(session, tenant.id, Judged(), now=now, video_id=video.id, prompt=prompt)
        video.decision_id = decision.id
        review = open_review(
            session, video.id, stage="prompt", decision_id=decision.id, reason=Judged.reason,
            expires_at=now + timedelta(hours=1), now=now,
        )  # fmt: skip
    database.close()
    return review.id
