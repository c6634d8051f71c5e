"""Reports on a real store, filled through its own functions: what they count, rest on, and look like."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import delete, text, update

from guard import ledger
from guard.credentials import KeyStatus
from guard.ledger import KeyEntry, Log, LogKey, PolicyEntry
from guard.reports import Report, build_report, write_report
from guard.reports.render import to_html, to_pdf
from guard.store import (
    Database,
    Decision,
    FingerprintHash,
    NewRelease,
    Review,
    create_tenant,
    create_video,
    decide_review,
    expire_reviews,
    fail_video,
    open_review,
    record_decision,
    record_release,
    record_verification,
    revoke_release,
    start_video,
)

START = datetime(2026, 5, 1, tzinfo=UTC)
END = datetime(2026, 6, 1, tzinfo=UTC)
INSIDE = START + timedelta(days=3)
DIGEST = "sha256:" + "ab" * 32


@dataclass
class Judged:
    """A decision as a judge hands it over."""

    action: str = "allow"
    stage: str = "prompt"
    reason: str = "allowed"
    categories: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    policy_id: str = "house"
    policy_version: int = 2
    policy_digest: str = DIGEST
    model_id: str = "classifier-1"
    model_digest: str = DIGEST
    details: dict[str, object] = field(
        default_factory=lambda: {
            "evidence": [
                {"examiner": "spoken", "state": "absent"},
                {"examiner": "faces", "state": "examined"},
            ]
        }
    )


@dataclass(frozen=True)
class Hash:
    """A frame hash."""

    time: float
    hash: str
    quality: int = 100
    crop: int = 100


@dataclass(frozen=True)
class House:
    """What a report is made from, and ways to fill it."""

    database: Database
    log: Log
    tenant_id: str
    other_id: str
    expires: datetime = END + timedelta(days=200)

    def key_status(self) -> KeyStatus:
        """Of a signing certificate."""
        return KeyStatus(
            id="0" * 16, name="Signer", organisation="Studio GmbH", alg="ES256", expires=self.expires, days_left=0,
            development=False, profile=(), due=False,
        )  # fmt: skip

    def video(self, now: datetime, tenant_id: str | None = None) -> str:
        """A video at work whose prompt was allowed."""
        owner = tenant_id or self.tenant_id
        with self.database.write() as session:
            video = create_video(
                session, tenant_id=owner, model="m", seconds=4, size="640x360", seed=1, now=now
            )
            video.decision_id = record_decision(session, owner, Judged(), now=now, video_id=video.id).id
            return start_video(session, video.id).id

    def decide(
        self, video_id: str | None, judged: Judged, now: datetime, tenant_id: str | None = None
    ) -> str:
        """A decision."""
        with self.database.write() as session:
            return record_decision(
                session, tenant_id or self.tenant_id, judged, now=now, video_id=video_id
            ).id

    def hold(self, now: datetime) -> str:
        """A review of a new video; the id of the review."""
        video_id = self.video(now)
        decision_id = self.decide(video_id, Judged("review", "output", "score.violence", ("violence",)), now)
        with self.database.write() as session:
            return open_review(
                session,
                video_id,
                stage="output",
                decision_id=decision_id,
                reason="score.violence",
                expires_at=now + timedelta(hours=1),
                now=now,
            ).id

    def release(self, number: int, now: datetime, tenant_id: str | None = None) -> str:
        """A whole job up to its release."""
        video_id = self.video(now, tenant_id)
        self.decide(video_id, Judged(stage="output"), now, tenant_id)
        new = NewRelease(
            asset_digest=f"sha256:{number:064x}",
            size=1,
            manifest_id=f"urn:c2pa:{number}",
            manifest_digest=DIGEST,
            mark_algorithm="mark",
            mark_preset="robust",
            mark_key_id="mark-1",
            model_name="m",
            model_revision="1",
            model_digest=DIGEST,
            policy_digest=DIGEST,
        )
        with self.database.write() as session:
            return record_release(session, video_id, new, [Hash(0.0, f"{number:064x}")], now=now).id


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(f"sqlite:///{tmp_path / 'guard.db'}")
    database.migrate()
    log = Log(LogKey.create(tmp_path / "log.key", "log.example/reports"), tmp_path / "log.checkpoint")
    with database.write() as session:
        mine, other = (create_tenant(session, name, now=START).id for name in ("Haus", "Nachbar"))
    yield House(database, log, mine, other)
    database.close()


@pytest.fixture
def full(house: House) -> House:
    """Something of everything inside the period, and something of most just outside."""
    before, after = START - timedelta(seconds=1), END
    with house.database.write() as session:
        conn = session.connection()
        ledger.append(
            conn, PolicyEntry(policy_id="house", policy_version=1, policy_digest=DIGEST), now=before
        )
        ledger.append(conn, KeyEntry(key_id="mark-1", purpose="mark", event="activated"), now=before)
        ledger.append(
            conn, PolicyEntry(policy_id="house", policy_version=2, policy_digest=DIGEST), now=INSIDE
        )
        ledger.append(conn, PolicyEntry(policy_id="house", policy_version=3, policy_digest=DIGEST), now=after)
    blocked = Judged("block", "prompt", "score.violence", ("violence", "hate"))
    for moment in (before, INSIDE, INSIDE, after):
        house.decide(None, blocked, moment)
    house.decide(house.video(INSIDE), Judged("block", "output", "frames.sexual", ("sexual",)), INSIDE)
    house.release(1, before)
    revoked = house.release(2, INSIDE)
    house.release(3, INSIDE)
    house.release(4, INSIDE, house.other_id)
    house.release(5, after)
    approved, rejected, _ = house.hold(INSIDE), house.hold(INSIDE), house.hold(INSIDE)
    failed = house.video(INSIDE)
    with house.database.write() as session:
        revoke_release(session, revoked, "shows a person", now=INSIDE)
        decide_review(session, approved, "approved", reviewer="r", now=INSIDE)
        decide_review(session, rejected, "rejected", reviewer="r", now=INSIDE)
        expire_reviews(session, now=INSIDE + timedelta(hours=2))
        fail_video(session, failed, "mark_unreadable", "-")
        for owner, verdict in ((None, "inconclusive"), (house.tenant_id, "generated_here")):
            record_verification(
                session, tenant_id=owner, sha256="0" * 64, verdict=verdict, basis=(), now=INSIDE
            )
    return house


def made(house: House, tenant_id: str | None = None) -> Report:
    return build_report(house, START, END, now=END + timedelta(hours=1), tenant_id=tenant_id)


def numbers(report: Report) -> dict[str, int]:
    return {figure.name: figure.value for figure in report.figures}


def test_counts_what_happened_in_the_period_and_nothing_else(full: House) -> None:
    report = made(full)
    parts = {figure.name: figure.parts for figure in report.figures}
    assert numbers(report) == {
        "requested": 8,
        "generated": 7,
        "blocked": 3,
        "blocked_categories": 3,
        "absent": 1,
        "reviewed": 3,
        "released": 3,
        "revoked": 1,
        "failed": 3,
        "verified": 2,
    }
    assert parts["absent"] == {"spoken": 7}  # of the decisions on pictures alone
    assert parts["blocked"] == {"output": 1, "prompt": 2}
    assert parts["blocked_categories"] == {"hate": 2, "sexual": 1, "violence": 2}
    assert parts["reviewed"] == {"approved": 1, "expired": 1, "rejected": 1}
    assert parts["failed"] == {"mark_unreadable": 1, "moderation_blocked": 2}
    assert parts["verified"] == {"generated_here": 1, "inconclusive": 1}
    assert all(figure.how for figure in (*report.figures, *report.exceptions))


def test_a_tenants_report_counts_that_tenant_alone(full: House) -> None:
    found = numbers(made(full, full.other_id))
    assert (found["requested"], found["released"], found["blocked"], found["verified"]) == (1, 1, 0, 0)


def test_names_policies_and_keys_in_force_at_the_start_and_since(full: House) -> None:
    subjects = [(event.what, event.subject) for event in made(full).events]
    assert subjects == [("policy", "house@1"), ("key_mark_activated", "mark-1"), ("policy", "house@2")]


def test_nothing_released_lacks_anything(full: House) -> None:
    report = made(full)
    assert len(report.exceptions) == 6
    assert all(figure.value == 0 for figure in report.exceptions)


def test_shows_releases_that_lack_something(full: House) -> None:
    with full.database.write() as session:
        # what no function of the store would do
        session.execute(delete(FingerprintHash))
        session.execute(update(Decision).where(Decision.stage == "output").values(video_id=None))
    found = {figure.name: figure.value for figure in made(full).exceptions}
    assert (found["lack_no_fingerprint"], found["lack_no_output_decision"]) == (3, 3)
    assert found["lack_no_prompt_decision"] == 0


def test_rests_on_a_checkpoint_that_covers_everything_counted(full: House) -> None:
    report = made(full)
    with full.database.read() as session:
        leaves = session.scalar(text("SELECT count(*) FROM ledger_entries"))
    opened = ledger.open_checkpoint(report.foundation.note, report.foundation.public_key)
    assert (opened.size, opened.root.hex()) == (leaves, report.foundation.root)
    assert report.foundation.size == leaves
    assert report.foundation.problems == ()
    assert "replay" in report.foundation.checks


def test_says_when_rows_and_log_disagree(full: House) -> None:
    with full.database.write() as session:
        session.execute(update(Review).where(Review.state == "rejected").values(state="approved"))
    report = made(full)
    assert len(report.foundation.problems) == 1
    assert report.foundation.problems[0].startswith("row_mismatch: Leaf ")
    assert report.foundation.problems[0] in to_html(report, "de").replace("&#39;", "'").replace("&#34;", '"')


def test_refuses_a_period_that_runs_backwards(house: House) -> None:
    with pytest.raises(ValueError, match="after it starts"):
        build_report(house, END, START, now=END)


def test_an_empty_installation_has_a_report_of_zeros(house: House) -> None:
    report = made(house)
    assert set(numbers(report).values()) == {0}
    assert report.events == ()
    assert "None up to the end" in to_html(report, "en")


class Page(HTMLParser):
    """The texts of a page, and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe"):
            self.loads.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                "Report on generated video",
                "Revoked",
                "releases revoked in the period, whenever they were made",
            ),
        ),
        (
            "de",
            ("Bericht über generierte Videos", "Widerrufen", "im Zeitraum widerrufene Veröffentlichungen"),
        ),
    ],
)
def test_the_three_forms_say_the_same(
    full: House, tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    files = write_report(full, START, END, tmp_path / "out", language=language, now=END + timedelta(hours=1))
    assert [file.name for file in files] == [
        f"report-2026-05-01-2026-06-01.{kind}" for kind in ("json", "html", "pdf")
    ]
    data = json.loads(files[0].read_text("utf-8"))
    assert data == made(full).model_dump(mode="json")
    page = files[1].read_text("utf-8")
    assert f'<html lang="{language}">' in page
    assert Page(page).loads == []
    shown = " ".join(Page(page).texts)
    reader = PdfReader(files[2])
    printed = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert reader.trailer["/Root"]["/Lang"] == language
    for wanted in (*words, "house@2", data["foundation"]["root"], "mark_unreadable: 1"):
        assert wanted in shown
        assert wanted in printed


def test_the_pdf_is_an_archive_file_with_structure_and_fonts(full: House) -> None:
    reader = PdfReader(io.BytesIO(to_pdf(made(full), "de", END)))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/StructTreeRoot"]
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert any(key.startswith("/FontFile") for key in descriptor)


def test_the_same_report_gives_the_same_bytes(full: House) -> None:
    report = made(full)
    assert to_pdf(report, "en", END) == to_pdf(report, "en", END)
    assert to_html(report, "en") == to_html(made(full), "en")


def test_texts_are_escaped(house: House) -> None:
    report = made(house).model_copy(update={"tenant_id": "<b>#strike[x]*y*"})
    assert "&lt;b&gt;#strike[x]*y*" in to_html(report, "en")
    printed = PdfReader(io.BytesIO(to_pdf(report, "en", END))).pages[0].extract_text()
    assert "<b>#strike[x]*y*" in printed


@pytest.mark.parametrize(
    ("left", "state", "says"),
    [(31, "ok", "in Ordnung"), (29, "due", "läuft bald ab"), (-1, "expired", "ist abgelaufen")],
)
def test_a_certificate_about_to_expire_is_said(full: House, left: int, state: str, says: str) -> None:
    now = END + timedelta(hours=1)
    report = build_report(replace(full, expires=now + timedelta(days=left)), START, END, now=now)
    assert (report.certificate.state, report.certificate.days_left) == (state, left)
    assert report.certificate.subject == "Signer, Studio GmbH"
    assert says in to_html(report, "de")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(to_pdf(report, "de", now))).pages)
    assert says in " ".join(text.split())
