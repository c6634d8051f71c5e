"""Results as pages: every verdict, trees, timelines, and hostile names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from detectors import Claim, Evidence, EvidenceType, Outcome, Segment, Strength, Verdict, VerdictName, decide
from detectors.wording import LIMITS, NOTES, SUMMARIES, Limit, Note
from guard.api.comparison import Comparison
from guard.credentials import CredentialsReport
from guard.credentials.identity import DEVELOPMENT_ORGANISATION
from guard.credentials.report import ClaimedAction, IngredientReport, ManifestClaims
from guard.media import ClipInfo
from guard.web.language import LANGUAGES, Language
from guard.web.rendering import page, static_address
from guard.web.verdicts import headline_of, tone_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def evidence(**changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "type": EvidenceType.LEARNED,
        "detector": "test.detector",
        "version": "1",
        "outcome": Outcome.DETECTED,
        "strength": Strength.STATISTICAL,
        "claim": Claim.SCORE_GENERATED,
        "summary": {"en": "An English sentence.", "de": "Ein deutscher Satz."},
        "details": {"p_value": 0.0123456},
    }
    return Evidence(**(values | changes))


def verdict_of(name: VerdictName, *found: Evidence, revoked: bool = False) -> Verdict:
    return Verdict(
        verdict=name,
        basis=tuple(dict.fromkeys(item.type for item in found)),
        summary=SUMMARIES[name],
        notes={"en": ("A note.",), "de": ("Eine Anmerkung.",)},
        limits={language: (LIMITS[Limit.SOUND][language],) for language in LANGUAGES},
        revoked=revoked,
        release_ids=(),
        revoked_ids=(),
        named_revoked_ids=(),
        evidence=found,
    )


def render(
    language: Language,
    verdict: Verdict,
    *,
    credentials: CredentialsReport | None = None,
    kind: str = "video",
    comparison: Comparison | None = None,
) -> str:
    info = ClipInfo(
        width=640,
        height=360,
        fps=Fraction(30000, 1001),
        frames=60,
        duration=2.0,
        codec="h264",
        container="mov,mp4",
        audio=False,
        kind=kind,  # type: ignore[arg-type]
    )
    inspection = SimpleNamespace(sha256="ab" * 32, size=1234, info=info, credentials=credentials)
    verified = SimpleNamespace(
        id="verification_1",
        created=datetime(2026, 3, 3, 8, 5, tzinfo=UTC),
        found=SimpleNamespace(verdict=verdict, inspection=inspection),
        comparison=comparison,
    )
    response = page(
        "verify.html",
        language,
        path="/verify",
        most_bytes=1000,
        most_seconds=600.0,
        verified=verified,
        problem=None,
    )
    return bytes(response.body).decode()


class Balance(HTMLParser):
    """Checks that elements close in order; collects attributes."""

    VOID = frozenset({"meta", "link", "input", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", VerdictName)
def test_every_verdict_has_a_page(language: Language, name: VerdictName) -> None:
    html = render(language, verdict_of(name, evidence()))
    parsed(html)
    heading = re.search(r'<h2 id="outcome-heading"[^>]*>(.*?)</h2>', html)
    assert heading is not None
    assert heading[1] == SUMMARIES[name][language].replace("'", "&#39;")
    # The limits are the verdict's own; nowhere else does a page speak of real or authentic.
    assert LIMITS[Limit.ABSENCE][language] not in html
    assert html.count(LIMITS[Limit.SOUND][language]) == 1
    words = re.sub(r"<[^>]+>", " ", html).lower()
    assert not re.search(r"\b(real|authentic|genuine|echt\w*|authentisch\w*)\b", words)
    assert "p_value" not in html
    assert "0.0123" not in html
    assert f"tone-{tone_of(verdict_of(name))}" in html


def test_what_was_revoked_is_a_warning() -> None:
    verdict = verdict_of(VerdictName.GENERATED_HERE, revoked=True)
    assert tone_of(verdict) == "warn"
    assert headline_of("en", verdict).startswith("The release has been revoked. What this file shows")
    assert headline_of("de", verdict).startswith("Die Freigabe wurde widerrufen. Der Inhalt dieser Datei")
    assert tone_of(verdict_of(VerdictName.GENERATED_HERE)) == "ours"


@pytest.mark.parametrize(
    ("language", "first", "badge", "reason"),
    [
        ("en", "This release was revoked on 23 November 2026.",
         "revoked</span> on 23 November 2026, 18:48 UTC", "not published"),
        ("de", "Diese Freigabe wurde am 23. November 2026 widerrufen.",
         "widerrufen</span> am 23. November 2026, 18:48 Uhr (UTC)", "wird nicht veröffentlicht"),
    ],
)  # fmt: skip
def test_a_page_begins_with_the_revocation_and_says_when(
    language: Language, first: str, badge: str, reason: str
) -> None:
    found = evidence(
        type=EvidenceType.REGISTRY,
        strength=Strength.CRYPTOGRAPHIC,
        claim=Claim.OWN_RELEASE_REVOKED,
        details={"release_id": "release_1", "revoked": True, "revoked_at": "2026-11-23T18:48:15+00:00"},
    )
    verdict = decide([found])
    assert verdict.notes[language] == (NOTES[Note.REVOKED][language],)
    html = render(language, verdict)
    heading = re.search(r'<h2 id="outcome-heading"[^>]*>(.*?)</h2>', html)
    assert heading is not None
    assert heading[1].startswith(first)
    assert f'<span class="badge revoked">{badge}' in html
    assert reason in html
    assert NOTES[Note.REVOKED][language] not in html  # the headline has said it


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_that_a_mark_names_what_was_revoked(language: Language) -> None:
    found = evidence(
        type=EvidenceType.WATERMARK,
        claim=Claim.OWN_MARK_COPIED,
        details={"release_id": "release_1", "revoked": True, "revoked_at": "2026-11-23T18:48:15+00:00"},
    )
    html = render(language, decide([found]))
    assert f"<li>{NOTES[Note.MARK_REVOKED][language]}</li>" in html
    assert SUMMARIES[VerdictName.COPIED_OR_HEAVILY_EDITED][language] in html


def test_it_is_said_which_release_was_revoked() -> None:
    verdict = verdict_of(VerdictName.REGISTRY_MATCH, revoked=True).model_copy(
        update={
            "release_ids": ("release_1", "release_2"),
            "revoked_ids": ("release_2",),
            "notes": {language: (NOTES[Note.ONE_REVOKED][language],) for language in LANGUAGES},
        }
    )
    assert "at least one of them has been revoked" in headline_of("en", verdict)
    assert "mindestens eine davon wurde widerrufen" in headline_of("de", verdict)
    words = {"en": ("revoked", "not revoked"), "de": ("widerrufen", "nicht widerrufen")}
    for language, (revoked, standing) in words.items():
        html = render(language, verdict)  # type: ignore[arg-type]
        listed = re.findall(r'<code>(release_\d)</code> <span class="badge[^"]*">([^<]+)', html)
        assert listed == [("release_1", standing), ("release_2", revoked)]


@pytest.mark.parametrize(("kind", "moving"), [("video", True), ("image", False)])
def test_upload_and_release_stand_beside_each_other(kind: str, moving: bool) -> None:
    comparison = Comparison("data:image/webp;base64,AA", "data:image/webp;base64,BB", 1.25, 2.5, moving)
    html = render("de", verdict_of(VerdictName.REGISTRY_MATCH), kind=kind, comparison=comparison)
    shown = [
        attributes
        for tag, attributes in parsed(html).tags
        if (attributes.get("src") or "").startswith("data:")
    ]
    assert [picture["src"] for picture in shown] == [comparison.upload, comparison.original]
    assert all(picture["alt"] for picture in shown)
    assert ("Die Freigabe, bei 2,5 s" in html, "<figcaption>Die Freigabe</figcaption>" in html) == (
        moving,
        not moving,
    )


@pytest.mark.parametrize("outcome", [item for item in Outcome if item is not Outcome.DETECTED])
def test_a_check_without_finding_says_how_it_ended(outcome: Outcome) -> None:
    texts = {"not_detected": "Nicht gefunden", "inconclusive": "Unklar", "unavailable": "Nicht verfügbar"}
    texts["error"] = "Fehlgeschlagen"
    html = render("de", verdict_of(VerdictName.INCONCLUSIVE, evidence(outcome=outcome, claim=None)))
    assert f'<span class="badge outcome-{outcome}">{texts[outcome]}</span>' in html
    assert "Statistisch" not in html


def test_segments_become_a_timeline() -> None:
    found = evidence(
        segments=(
            Segment(track="visual", start_ms=500, end_ms=1500),
            Segment(track="audio", start_ms=0, end_ms=4000),
        )
    )
    html = render("de", verdict_of(VerdictName.LIKELY_GENERATED, found))
    assert "Bild, 0,5 s bis 1,5 s" in html
    assert "Ton, 0,0 s bis 4,0 s" in html
    bars = [attributes for tag, attributes in parsed(html).tags if tag == "rect"]
    assert [(bar["class"], float(bar["x"] or 0), float(bar["width"] or 0)) for bar in bars] == [
        ("track", 0, 1000),
        ("visual", 125, 250),  # of 4 s: a segment may outlast what the container says
        ("audio", 0, 1000),
    ]


def credentials(title: str) -> CredentialsReport:
    camera = IngredientReport(
        title="shot.mov",
        relationship="parentOf",
        state="invalid",
        failures=("assertion.dataHash.mismatch",),
        claims=ManifestClaims(issuer="A camera maker", digital_source_types=("http://example.org/odd",)),
        ingredients=(IngredientReport(title=None, relationship="other", state="unknown"),),
    )
    claims = ManifestClaims(
        manifest_id="urn:c2pa:1",
        title=title,
        issuer=title,
        signer="Signer",
        signed_at="2026-03-03T08:05:00Z",
        actions=(ClaimedAction(action="c2pa.edited", software_agent=title), ClaimedAction(action=title)),
        digital_source_types=(
            "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
        ),
    )
    return CredentialsReport(
        state="valid", claims=claims, ingredients=(camera,), truncated=True, library="test"
    )


def test_the_tree_shows_every_node_with_its_own_state() -> None:
    html = render("en", verdict_of(VerdictName.INCONCLUSIVE), credentials=credentials("cut.mp4"))
    parsed(html)
    order = [
        "<strong>cut.mp4</strong>",
        "Intact, unknown issuer",
        "Partly generated by a trained model",
        "3 March 2026, 08:05 UTC",
        "Edited with cut.mp4",
        "<strong>shot.mov</strong>",
        "Original",
        "Does not hold",
        "<dd>odd</dd>",
        "assertion.dataHash.mismatch",
        "<strong>Untitled</strong>",
        "Not recorded",
        "The tree is larger",
    ]
    places = [html.index(text) for text in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("language", "badge", "trusted"),
    [
        ("en", "Valid, issuer for development only", "Valid, trusted issuer"),
        ("de", "Gültig, Aussteller nur für die Entwicklung", "Gültig, vertrauenswürdiger Aussteller"),
    ],
)
def test_trust_in_a_development_certificate_is_marked_as_such(
    language: Language, badge: str, trusted: str
) -> None:
    ours = ManifestClaims(issuer=DEVELOPMENT_ORGANISATION)
    part = IngredientReport(title="part.mp4", relationship="inputTo", state="trusted", claims=ours)
    signed = {"state": "trusted", "library": "test", "trust_list_date": "2026-03-03"}
    for issuer, shown, other in (("A press", trusted, badge), (DEVELOPMENT_ORGANISATION, badge, trusted)):
        report = CredentialsReport(
            claims=ManifestClaims(issuer=issuer),
            trust_list="development",
            **signed,  # type: ignore[arg-type]
        )
        html = render(language, verdict_of(VerdictName.INCONCLUSIVE), credentials=report)
        assert (shown in html, other in html) == (True, False)
    with_part = report.model_copy(update={"claims": ManifestClaims(issuer="A press"), "ingredients": (part,)})
    html = render(language, verdict_of(VerdictName.INCONCLUSIVE), credentials=with_part)
    assert html.index(trusted) < html.index(badge)


def test_names_from_the_file_stay_text() -> None:
    html = render("en", verdict_of(VerdictName.INCONCLUSIVE), credentials=credentials(HOSTILE))
    tags = parsed(html).tags
    assert [attributes.get("src") for tag, attributes in tags if tag == "img"] == [
        static_address("guard.svg")
    ]
    scripts = [attributes["src"] for tag, attributes in tags if tag == "script"]
    assert scripts == [static_address("htmx.min.js"), static_address("app.js")]


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_other_media_have_a_page_too(kind: str) -> None:
    html = render("de", verdict_of(VerdictName.INCONCLUSIVE), kind=kind)
    assert ("640 × 360 Pixel" in html) is (kind == "image")
    assert "<dt>Ton</dt>" not in html


def test_pages_carry_no_inline_script_or_style_and_strict_headers() -> None:
    for language in LANGUAGES:
        html = render(language, verdict_of(VerdictName.INCONCLUSIVE, evidence()))
        assert f'<html lang="{language}">' in html
        for tag, attributes in parsed(html).tags:
            assert tag != "style"
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
            for name in ("src", "href", "action", "hx-post"):
                address = attributes.get(name)
                assert address is None or address.startswith(("/", "#")), address
    headers = page("landing.html", "en", path="/").headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-language"] == "en"
    assert "set-cookie" not in headers
