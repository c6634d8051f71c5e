"""The audit of an installation: what somebody with the database's or the objects' password changed is found."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from guard import store
from guard.ledger import LedgerError, Log, Report
from guard.ledger.merkle import Frontier, leaf_hash
from guard.store import Database, NewRelease, Objects, Tenant, Vault, Video
from guard.store.manifests import remove_manifest, store_manifest
from guard.store.models import Prompt

NOW = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
VAULT = Vault(bytes(range(32)))
OTHER_PAYLOAD = (
    "UPDATE releases SET payload = (SELECT substr(nonce, 1, 8) FROM prompts LIMIT 1) WHERE revoked_at IS NULL"
)
KEPT = "sha256:" + "7e" * 32
ONE = "'sha256:" + "11" * 32 + "'"


@dataclass
class Busy:
    """A store with something of everything, and a checkpoint over all of it."""

    database: Database
    url: str
    log: Log
    release_id: str
    erased: str

    def audit(self) -> Report:
        kept = self.log.kept()
        with self.database.read() as session:
            return store.audit(session, self.log, kept=kept, vault=VAULT)

    def tamper(self, *statements: str) -> None:
        """What a database's administrator can do: no trigger and no foreign key is in the way."""
        if self.url.startswith("sqlite"):
            conn = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
            conn.execute("PRAGMA foreign_keys=OFF")
            for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                conn.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                conn.execute(statement)
            conn.close()
            return
        with psycopg.connect(self.url.replace("+psycopg", "")) as served:
            served.execute("SET session_replication_role = replica")
            for statement in statements:
                served.execute(statement)  # type: ignore[call-overload]


@pytest.fixture
def busy(
    database: Database,
    database_url: str,
    tenant: Tenant,
    log: Log,
    new_video: Callable[..., Video],
    new_release: Callable[..., NewRelease],
    frames: Callable[..., list[object]],
    judged,  # type: ignore[no-untyped-def]
) -> Busy:
    videos = [new_video(number) for number in range(2)]
    with database.write() as session:
        store.create_tenant(session, "Anderes Haus", now=NOW)
        prompts = [VAULT.put(session, tenant.id, f"prompt {number}", now=NOW) for number in range(3)]
        for video, prompt in zip(videos, prompts, strict=False):
            decision = store.record_decision(
                session, tenant.id, judged(), now=NOW, video_id=video.id, prompt=prompt
            )
            row = store.get_video(session, video.id)
            row.prompt_id, row.decision_id = prompt.id, decision.id
        store.record_decision(session, tenant.id, judged(action="block"), now=NOW, prompt=prompts[2])
        VAULT.erase(session, prompts[2].id, now=NOW)
        held = store.record_decision(
            session, tenant.id, judged(action="review", stage="output"), video_id=videos[0].id, now=NOW
        )
        review = store.open_review(
            session, videos[0].id, stage="output", decision_id=held.id, reason="frames.hate",
            expires_at=NOW + HOUR, now=NOW,
        )  # fmt: skip
        store.decide_review(session, review.id, "approved", reviewer="R", now=NOW)
        for number, video in enumerate(videos):
            release = store.record_release(
                session, video.id, new_release(number), frames(number), now=NOW + number * HOUR
            )
        store.revoke_release(session, release.id, "x", now=NOW + 2 * HOUR)
        store_manifest(session, "urn:c2pa:theirs", tenant_id=tenant.id, digest=KEPT, now=NOW)
        store.sign_log(session, log, now=NOW)
    return Busy(database, database_url, log, release.id, prompts[2].id)


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


def test_an_honest_store_passes(busy: Busy) -> None:
    report = busy.audit()
    assert report.ok, report.problems
    assert report.checks == ["signature", "replay", "rows", "consistency", "kept", "links", "prompts"]
    assert (report.size, report.replayed, report.pending) == (9, 9, 0)


def test_a_manifest_that_its_tenant_took_out_is_missed_by_nobody(busy: Busy, tenant: Tenant) -> None:
    with busy.database.write() as session:
        remove_manifest(session, "urn:c2pa:theirs", tenant.id)
        assert "urn:c2pa:theirs" not in {kept.what.split()[-1] for kept in store.kept_manifests(session)}
    assert busy.audit().ok


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE releases SET asset_digest = 'sha256:0' WHERE revoked_at IS NULL", "row_mismatch"),
        ("UPDATE releases SET revoked_at = NULL, revocation_index = NULL", "row_missing"),
        ("UPDATE releases SET revocation_index = NULL", "row_unlogged"),
        ("UPDATE decisions SET action = 'allow'", "row_mismatch"),
        ("UPDATE decisions SET ledger_index = 99 WHERE stage = 'output'", "row_unlogged"),
        ("UPDATE decisions SET tenant_id = 'tenant_x'", "row_mismatch"),
        ("UPDATE decisions SET created = '2020-01-01 00:00:00+00:00'", "row_mismatch"),
        ("UPDATE decisions SET prompt_id = NULL", "row_mismatch"),
        ("UPDATE decisions SET prompt_id = (SELECT max(id) FROM prompts)", "row_mismatch"),
        ("UPDATE prompts SET commitment = 'hmac-" + ONE[1:], "row_mismatch"),
        ("UPDATE prompts SET ciphertext = nonce", "prompt_mismatch"),
        ("UPDATE prompts SET wrapped_key = NULL", "prompt_mismatch"),
        ("DELETE FROM prompts", "row_mismatch"),
        ("DELETE FROM ledger_salts WHERE subject LIKE 'prompt%'", "prompt_mismatch"),
        ("DELETE FROM ledger_salts WHERE subject LIKE 'release%'", "row_mismatch"),
        ("UPDATE reviews SET state = 'rejected'", "row_mismatch"),
        ("UPDATE reviews SET state = 'open'", "row_missing"),
        ("UPDATE reviews SET reviewer = 'mallory'", "row_mismatch"),
        ("UPDATE reviews SET reviewer = NULL", "row_mismatch"),
        ("UPDATE reviews SET tenant_id = 'tenant_x'", "row_mismatch"),
        ("UPDATE reviews SET decided_at = '2020-01-01 00:00:00+00:00'", "row_mismatch"),
        ("UPDATE reviews SET decision_id = (SELECT min(id) FROM decisions WHERE stage <> 'output')", "row_mismatch"),
        (OTHER_PAYLOAD, "row_mismatch"),
        ("UPDATE releases SET size = 1", "row_mismatch"),
        ("UPDATE releases SET manifest_id = manifest_id || 'x'", "row_mismatch"),
        ("UPDATE releases SET manifest_digest = " + ONE, "row_mismatch"),
        ("UPDATE manifests SET digest = " + ONE, "row_mismatch"),
        ("UPDATE manifests SET tenant_id = 'tenant_x'", "row_mismatch"),
        ("UPDATE manifests SET created = '2020-01-01 00:00:00+00:00'", "row_mismatch"),
        ("UPDATE manifests SET ledger_index = 0", "row_mismatch"),
        ("UPDATE releases SET revoke_reason = 'y' WHERE revoked_at IS NOT NULL", "row_mismatch"),
        ("UPDATE releases SET revoked_at = '2030-01-01 00:00:00+00:00' WHERE revoked_at IS NOT NULL", "row_mismatch"),
        ("UPDATE releases SET created = '2020-01-01 00:00:00+00:00'", "row_mismatch"),
        ("UPDATE fingerprints SET hash = (SELECT nonce FROM prompts LIMIT 1)", "row_mismatch"),
        ("UPDATE fingerprints SET quality = 0", "row_mismatch"),
        ("DELETE FROM fingerprints", "row_mismatch"),
        ("DELETE FROM releases", "row_missing"),
        ("UPDATE videos SET tenant_id = 'tenant_x'", "row_mismatch"),
        ("UPDATE videos SET prompt_id = NULL", "row_mismatch"),
        ("UPDATE videos SET decision_id = NULL", "row_mismatch"),
        ("DELETE FROM videos", "row_mismatch"),
        ("UPDATE ledger_entries SET kind = 'policy' WHERE leaf_index = 3", "leaf_mismatch"),
        ("UPDATE ledger_entries SET created = '2020-01-01 00:00:00+00:00' WHERE leaf_index = 3", "leaf_mismatch"),
    ],
)  # fmt: skip
def test_what_the_log_contradicts_is_found(busy: Busy, statement: str, code: str) -> None:
    busy.tamper(statement)
    assert code in codes(busy.audit())


COLUMNS = {
    "ledger_checkpoints": ("size", "root", "note"),
    "ledger_entries": ("leaf_index", "leaf", "leaf_hash", "kind", "created"),
    "ledger_nodes": ("level", "node_index", "hash"),
    "ledger_salts": ("salt",),
    "decisions": ("id", "categories", "policy_version", "created", "ledger_index", "prompt_id"),
    "reviews": ("reviewer", "decided_at", "ledger_index"),
    "releases": ("id", "payload", "size", "created", "revoked_at", "ledger_index", "revocation_index"),
    "fingerprints": ("time", "hash", "quality"),
    "prompts": ("ciphertext", "nonce", "wrapped_key", "commitment"),
    "manifests": ("digest", "tenant_id", "created", "ledger_index"),
}
VALUES = ("'x'", "x'ff'", "CAST(x'ff' AS TEXT)", "99999999999999", "1.5", "NULL")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_value_of_the_wrong_kind_is_a_finding_and_no_crash(busy: Busy, tmp_path: Path) -> None:
    unseen = []
    busy.database.scrub()
    places = [(table, column) for table, columns in COLUMNS.items() for column in columns]
    for number, ((table, column), value) in enumerate(itertools.product(places, VALUES)):
        copy = tmp_path / f"{number}.db"
        shutil.copy(busy.url.removeprefix("sqlite:///"), copy)
        spoiled = replace(busy, url=f"sqlite:///{copy}", database=Database(f"sqlite:///{copy}"))
        row = f"rowid = (SELECT min(rowid) FROM {table} WHERE {column} IS NOT NULL)"
        try:
            spoiled.tamper(
                "PRAGMA ignore_check_constraints=ON", f"UPDATE {table} SET {column} = {value} WHERE {row}"
            )
        except sqlite3.IntegrityError:
            continue  # no NULL there, not even for its administrator
        if spoiled.audit().ok:
            unseen.append(f"{table}.{column} = {value}")
        spoiled.database.close()
    assert unseen == []


def rewrite(busy: Busy) -> None:
    """Turn a logged block into an allow, and rebuild the tree and the checkpoints' table around it."""
    assert busy.url.startswith("sqlite")
    busy.tamper(
        "UPDATE ledger_entries SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"block\"', '\"allow\"') AS BLOB)",
        "UPDATE decisions SET action = 'allow' WHERE action = 'block'",
        "DELETE FROM ledger_checkpoints",
        "DELETE FROM ledger_nodes",
    )
    frontier = Frontier()
    conn = sqlite3.connect(busy.url.removeprefix("sqlite:///"))
    for index, leaf in conn.execute("SELECT leaf_index, leaf FROM ledger_entries ORDER BY 1").fetchall():
        for level, place, value in frontier.push(leaf_hash(leaf)):
            if level == 0:
                conn.execute("UPDATE ledger_entries SET leaf_hash = ? WHERE leaf_index = ?", (value, index))
            else:
                conn.execute("INSERT INTO ledger_nodes VALUES (?, ?, ?)", (level, place, value))
    conn.commit()
    conn.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_rewritten_in_the_database_is_not_signed_and_is_found(busy: Busy) -> None:
    rewrite(busy)
    with pytest.raises(LedgerError) as refused, busy.database.write() as session:
        store.sign_log(session, busy.log, now=NOW)
    assert refused.value.code == "log_inconsistent"
    assert {"root_mismatch", "checkpoint_missing"} <= codes(busy.audit())


def test_what_is_kept_lags_behind_the_database_and_never_runs_ahead(
    busy: Busy, tenant: Tenant, judged: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = busy.log.kept()
    assert before is not None

    def grow(*, fails: bool = False) -> str:
        with busy.database.write() as session:
            store.record_decision(session, tenant.id, judged(action="block"), now=NOW)  # type: ignore[arg-type]
            note = store.sign_log(session, busy.log, now=NOW)
            if fails:
                raise InterruptedError
        return note

    with pytest.raises(InterruptedError):
        grow(fails=True)  # killed before its commit: what it signed never was
    assert busy.log.kept() == before
    with monkeypatch.context() as killed:
        killed.setattr(Log, "keep", lambda self, note: None)  # killed after its commit
        committed = grow()
    assert busy.log.kept() == before
    assert busy.audit().ok
    with busy.database.write() as session:
        assert store.sign_log(session, busy.log, now=NOW) == committed
    assert busy.log.kept() == committed
    with monkeypatch.context() as full:
        full.setattr("guard.ledger.log.write_whole", _full_disk)
        after = grow()
    assert busy.log.kept() == committed
    assert grow() == busy.log.kept() != after
    busy.log.keep(after)  # a process that was slow to keep its own
    assert busy.log.kept() != after
    assert busy.audit().ok


def _full_disk(path: Path, data: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_a_log_that_keeps_nothing_says_so_and_begins_to(busy: Busy, tmp_path: Path) -> None:
    (tmp_path / "log.checkpoint").unlink()
    assert codes(busy.audit()) == {"checkpoint_unkept"}
    with busy.database.write() as session:
        store.sign_log(session, busy.log, now=NOW)
    assert busy.audit().ok


def test_a_foreign_file_in_place_of_what_is_kept_stops_the_signature(busy: Busy, tmp_path: Path) -> None:
    (tmp_path / "log.checkpoint").write_bytes(b"\xff\x00")
    with pytest.raises(LedgerError) as refused, busy.database.write() as session:
        store.sign_log(session, busy.log, now=NOW)
    assert refused.value.code == "kept_invalid"
    assert "note_malformed" in codes(busy.audit())


def test_an_erased_prompt_stays_bound_to_its_decision(busy: Busy) -> None:
    with busy.database.read() as session:
        prompt = session.get(Prompt, busy.erased)
        assert prompt is not None
        assert prompt.wrapped_key is None
    busy.tamper(f"UPDATE prompts SET commitment = 'hmac-{ONE[1:-1]}' WHERE id = '{busy.erased}'")
    assert codes(busy.audit()) == {"row_mismatch"}


def test_problems_beyond_the_hundredth_are_counted_and_nothing_after_them_is_called_held(busy: Busy) -> None:
    report = busy.audit()
    for _ in range(150):
        report.problem("row_mismatch", "-")
    before = report.found
    report.problem("object_altered", "-")
    report.held("objects", before)
    assert (len(report.problems), report.found) == (100, 151)
    assert "objects" not in report.checks


def test_released_files_and_kept_manifests_are_hashed(busy: Busy, tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    with busy.database.read() as session:
        released, manifests = store.released_objects(session), store.kept_manifests(session)
    assert len(released) == 1, "the other one is revoked"
    # of both releases and of the tenant
    assert [one.what.rpartition(" ")[0] for one in manifests] == ["the manifest of"] * 2 + [
        "the manifest kept as"
    ]
    for kept, check in ((released, "objects"), (manifests, "manifests")):
        one = kept[-1]
        for content, code in ((None, "object_missing"), (b"other", "object_altered")):
            if content is not None:
                (tmp_path / "file").write_bytes(content)
                objects.put(one.key, tmp_path / "file")
            report = busy.audit()
            store.audit_objects(
                report, objects, [one] if check == "objects" else [], [one] if check == "manifests" else []
            )
            assert codes(report) == {code}
            assert one.what in report.problems[0].message
            assert check not in report.checks
        as_it_is = replace(one, digest=f"sha256:{objects.sha256(one.key)}")
        report = busy.audit()
        store.audit_objects(report, objects, [as_it_is], [as_it_is])
        assert report.ok
        assert report.checks[-2:] == ["objects", "manifests"]
