"""Opening a data folder: what is missing is made, what is there is kept, what does not fit is refused."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from guard import keyfiles
from guard.bootstrap import DEMONSTRATION, default_tenant, first_key
from guard.credentials import create_development_ca
from guard.installation import LEFT_AFTER, Installation, open_installation, open_record
from guard.ledger import LedgerError, from_leaf
from guard.ledger.tables import entries
from guard.pipeline.jobs import utc_now
from guard.settings import DiffusersBackend, EmbeddedBackend, Settings, UploadLimits
from guard.store import StoreError, audit, authenticate, create_api_key, create_tenant
from tests.house import write_policy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installed") / "data"


@pytest.fixture(scope="module")
def opened(data: Path) -> Iterator[Installation]:
    found = open_installation(Settings(data=data))
    yield found
    found.close()


def leaves(installation: Installation) -> list[str]:
    """Kinds of the log's entries; of keys, their purpose too."""
    with installation.services.database.read() as session:
        logged = [
            from_leaf(leaf)[0]
            for leaf in session.scalars(select(entries.c.leaf).order_by(entries.c.leaf_index))
        ]
    return [f"{entry.type} {getattr(entry, 'purpose', '')}".strip() for entry in logged]


def test_a_new_folder_is_made_private_and_says_in_its_log_what_is_in_force(
    opened: Installation, data: Path
) -> None:
    assert leaves(opened) == []
    opened.announce()
    assert leaves(opened) == ["policy", "key manifest", "key mark"]
    log = opened.services.log
    kept = log.kept()
    with opened.services.database.read() as session:
        report = audit(session, log, kept=kept, vault=opened.services.vault)
    assert (report.problems, report.pending) == ([], 0)
    for folder in (data, data / "keys", data / "work", data / "uploads", data / "objects"):
        assert folder.stat().st_mode & 0o777 == 0o700, folder.name
    secrets = [path for path in (data / "keys").rglob("*") if path.is_file() and path.suffix == ".key"]
    assert len(secrets) >= 3
    for path in secrets:
        assert path.stat().st_mode & 0o777 == 0o600, path.name


def test_opening_again_changes_nothing(opened: Installation, data: Path) -> None:
    before = {path: path.read_bytes() for path in (data / "keys").rglob("*") if path.is_file()}
    again = open_installation(Settings(data=data))
    try:
        assert leaves(again) == leaves(opened)
        assert again.services.mark_keys == opened.services.mark_keys
        assert str(again.services.log.public_key) == str(opened.services.log.public_key)
    finally:
        again.close()
    assert {path: path.read_bytes() for path in (data / "keys").rglob("*") if path.is_file()} == before


def test_a_record_is_looked_at_and_not_changed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(LedgerError) as nothing, open_record(Settings(data=data)):
        pass
    assert (nothing.value.code, data.exists()) == ("key_missing", False)
    found = open_installation(Settings(data=data))
    found.announce()
    found.close()
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    other = Settings(data=data, policy=write_policy(tmp_path / "policy.yaml"))
    with open_record(other) as opened:
        kept = opened.log.kept()
        with opened.database.read() as session:
            assert audit(session, opened.log, kept=kept, vault=opened.vault).ok
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    (data / "guard.db").unlink()
    with pytest.raises(StoreError) as lost, open_record(other):
        pass
    assert (lost.value.code, (data / "guard.db").exists()) == ("database_unavailable", False)


def test_another_policy_and_a_rotated_key_are_logged_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", policy=write_policy(tmp_path / "policy.yaml"))
    first = open_installation(Settings(data=tmp_path / "data"))
    first.announce()
    first.close()
    keyfiles.rotate_mark_key(tmp_path / "data" / "keys")
    for _ in range(2):
        found = open_installation(settings)
        found.announce()
        assert leaves(found) == ["policy", "key manifest", "key mark", "policy", "key mark"]
        assert [key.id for key in found.services.mark_keys] == ["mark-2", "mark-1"]
        found.close()


def test_a_log_keeps_its_name(opened: Installation, data: Path) -> None:
    with pytest.raises(LedgerError) as refused:
        open_installation(Settings(data=data, log_origin="guard.example/other"))
    assert refused.value.code == "log_renamed"
    assert "--data" in str(refused.value)


def test_nobody_else_may_read_a_database(opened: Installation, data: Path) -> None:
    files = [opened.paths.database, opened.paths.workflow]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError) as refused:
        open_installation(Settings(data=tmp_path / "data"))
    assert refused.value.code == "data_folder_unusable"
    assert f"{tmp_path / 'data'} cannot be used (File exists); name another" in str(refused.value)


def test_models_are_known_by_name_and_alias_before_they_are_loaded(
    opened: Installation, tmp_path: Path
) -> None:
    for name in ("sora-2", "sora-2-pro", "sora-2-2025-10-06", "sora-2-pro-2025-10-06", "sora-2-2025-12-08"):
        assert opened.services.model_named(name) == "guard-scenes-1"
    big = DiffusersBackend(backend="diffusers", model="big", path="/nowhere", licence="Apache-2.0")
    found = open_installation(Settings(data=tmp_path / "data", generators=(EmbeddedBackend(), big)))
    assert sorted(found.services.generators) == ["big", "guard-scenes-1"]
    found.close()


def test_the_first_key_is_shown_once_and_opens_everything(opened: Installation) -> None:
    secret = first_key(opened)
    assert secret is not None
    assert first_key(opened) is None
    with opened.services.database.read() as session:
        found = authenticate(session, secret)
        assert found is not None
        assert found.tenant_id == default_tenant(opened)
    for path in opened.paths.data.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path.name


def test_the_demonstrations_key_does_not_count_as_shown(tmp_path: Path) -> None:
    found = open_installation(Settings(data=tmp_path / "data"))
    with found.services.database.write() as session:
        tenant_id = create_tenant(session, "default", now=utc_now()).id
        create_api_key(session, tenant_id, name=DEMONSTRATION, scopes=("verifications",), now=utc_now())
    assert default_tenant(found) == tenant_id
    assert first_key(found) is not None
    assert first_key(found) is None
    found.close()


def test_more_time_for_an_examination_is_more_time_to_compute(tmp_path: Path) -> None:
    found = open_installation(Settings(data=tmp_path / "data", uploads=UploadLimits(timeout_seconds=600)))
    limits = found.services.inspector.limits
    assert (limits.seconds, limits.cpu_seconds) == (600, 600)
    found.close()


def test_secrets_do_not_show_in_the_parts(opened: Installation) -> None:
    shown = f"{opened!r} {opened.services!r}"
    for key in opened.services.mark_keys:
        assert key.secret.hex() not in shown
        assert json.dumps(list(key.secret)) not in shown
    prompts = (opened.paths.keys / "prompts.key").read_text().strip()
    assert prompts not in shown


def test_a_new_worker_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    found = open_installation(Settings(data=tmp_path / "data"))
    old, new = (found.paths.uploads / name for name in ("upload-old", "upload-new"))
    half = tmp_path / "data" / "objects" / "uploads" / "half#1"
    half.parent.mkdir(parents=True)
    for path in (old, new, half):
        path.write_bytes(b"half of a file")
    before = time.time() - LEFT_AFTER.total_seconds() - 60
    orphan, young = (found.paths.work / f"video_{name}" for name in ("orphan", "young"))
    for folder in (orphan, young):
        folder.mkdir()
        (folder / "reference").write_bytes(b"a picture of a job that was never made")
    for path in (old, half, orphan):
        os.utime(path, (before, before))
    try:
        found.work()
        assert not orphan.exists()
        assert young.exists()
        assert not old.exists()
        assert not half.exists()
        assert new.exists()
    finally:
        found.close()


def test_an_anchor_brought_while_the_service_runs_is_believed_at_once(
    tmp_path: Path, opened: Installation
) -> None:
    folder = opened.paths.signing
    before = opened.services.inspector.trust()
    (folder / "anchors").mkdir(exist_ok=True)
    elsewhere = create_development_ca(tmp_path / "elsewhere")
    (folder / "anchors" / "partner.pem").write_bytes(elsewhere.anchor.read_bytes())
    try:
        after = opened.services.inspector.trust()
    finally:
        (folder / "anchors" / "partner.pem").unlink()
    assert len(after.lists) == len(before.lists) + 1
