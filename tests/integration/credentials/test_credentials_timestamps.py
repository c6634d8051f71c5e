"""Time stamps of an authority made here with openssl: who may vouch for a time, and what happens if nobody does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from guard.credentials import (
    AnchorList,
    CredentialsError,
    Identity,
    ManifestSpec,
    TimeStamping,
    Trust,
    development,
    read,
    sign,
)
from guard.credentials.context import context_for
from tests import credentials_rubric
from tests.time_stamps import Clock, time_stamp_authority

PRETENDED = "Clock, trust list: urn:x-guard:trust-list:tsa:0"
"""A name that pretends to be a list of ours."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    with time_stamp_authority(tmp_path_factory.mktemp("tsa"), name=PRETENDED) as clock:
        yield clock


@pytest.fixture
def clock(authority: Clock) -> Clock:
    authority.mood, authority.asked = [], 0
    return authority


def anchors(clock: Clock, kind: str = "tsa") -> Trust:
    return Trust.of(
        AnchorList.model_validate(
            {"name": "clock", "pem": clock.root, "kind": kind, "dated": date(2026, 1, 1)}
        )
    )


def signed_at(path: Path, trust: Trust) -> str | None:
    report = read(path, trust)
    assert report.state == "trusted"
    assert report.claims is not None
    return report.claims.signed_at


def test_only_a_time_stamp_list_vouches_for_a_time(
    clock: Clock, clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    out = tmp_path / "stamped.mp4"
    assert sign(clip, out, spec, identity, time_stamps=TimeStamping(clock.url)).stamped
    assert signed_at(out, trust) is None
    assert signed_at(out, trust + anchors(clock, "manifest")) is None  # the library calls it trusted
    stamped = signed_at(out, trust + anchors(clock))
    assert stamped is not None
    assert stamped.startswith(time.strftime("%Y-%m-%d", time.gmtime()))
    assert clock.asked == 1


@pytest.mark.parametrize("mood", [[503], [429, 500], ["silent"]])
def test_an_authority_that_is_away_for_a_moment_is_asked_again(
    mood: list[Any],
    clock: Clock,
    clip: Path,
    spec: ManifestSpec,
    identity: Identity,
    trust: Trust,
    tmp_path: Path,
) -> None:
    clock.mood = list(mood)
    out = tmp_path / "out.mp4"
    assert sign(clip, out, spec, identity, time_stamps=TimeStamping(clock.url, timeout=1.5)).stamped
    assert clock.asked == len(mood) + 1
    assert signed_at(out, trust + anchors(clock)) is not None


@pytest.mark.parametrize(
    ("mood", "asked", "says"),
    [
        ([500] * 9, 3, "HTTP 500"),
        ([403] * 9, 1, "HTTP 403"),
        (["silent"] * 9, 3, "ReadTimeout"),
        (["garbage"] * 9, 1, "no time stamp of this signature"),
        (["stale"] * 9, 1, "no time stamp of this signature"),
    ],
)
def test_without_a_stamp_nothing_is_signed_unless_that_is_wanted(
    mood: list[Any],
    asked: int,
    says: str,
    clock: Clock,
    clip: Path,
    spec: ManifestSpec,
    identity: Identity,
    trust: Trust,
    tmp_path: Path,
) -> None:
    stamps = TimeStamping(clock.url, timeout=0.3 if "silent" in mood else 10)
    sign(clip, tmp_path / "before.mp4", spec, identity, time_stamps=TimeStamping(clock.url))
    clock.mood, clock.asked = list(mood), 0
    with pytest.raises(CredentialsError, match=says) as error:
        sign(clip, tmp_path / "out.mp4", spec, identity, time_stamps=stamps)
    assert error.value.code == "time_stamp_unavailable"
    assert "127.0.0.1" in str(error.value)
    assert clock.asked == asked
    assert [path.name for path in tmp_path.iterdir()] == ["before.mp4"]
    clock.mood = list(mood)
    result = sign(clip, tmp_path / "out.mp4", spec, identity, time_stamps=replace(stamps, when_down="sign"))
    assert not result.stamped
    report = read(tmp_path / "out.mp4", trust + anchors(clock))
    assert (report.state, report.warnings) == ("trusted", ("time_stamp_unavailable",))
    assert report.claims is not None
    assert report.claims.signed_at is None


def test_a_dead_authority_is_no_long_wait(
    clip: Path, spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    start = time.monotonic()
    with pytest.raises(CredentialsError, match="ConnectError") as error:
        sign(
            clip, tmp_path / "out.mp4", spec, identity, time_stamps=TimeStamping("http://127.0.0.1:9/secret")
        )
    assert error.value.code == "time_stamp_unavailable"
    assert "secret" not in str(error.value)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("down", [False, True])
def test_the_rubric_passes_with_a_stamp_and_without(
    down: bool, clock: Clock, clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    clock.mood = [403] if down else []
    out = tmp_path / "out.mp4"
    result = sign(clip, out, spec, identity, time_stamps=TimeStamping(clock.url, when_down="sign"))
    with c2pa.Reader(out, context=context_for(trust + anchors(clock))) as reader:
        crjson = json.loads(reader.crjson())
    assert credentials_rubric.failures(crjson, result.manifest_id) == []


def test_an_address_that_cannot_be_asked_is_refused() -> None:
    for url in ("ftp://clock.example/", "clock.example", "http://"):
        with pytest.raises(CredentialsError) as error:
            TimeStamping(url)
        assert error.value.code == "time_stamp_url_invalid"


def test_a_stamped_file_outlives_its_certificate(
    clock: Clock, clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    root, issuer = development.make_authority()
    leaf = development.issue_leaf(
        issuer, lifetime=timedelta(minutes=5, seconds=8)
    )  # five minutes ago it began
    ours = Trust.of(
        AnchorList(name="ours", pem=root.public_bytes(Encoding.PEM).decode(), dated=date(2026, 1, 1))
    )
    identity = Identity.from_pem(leaf.certificate_pem + issuer.certificate_pem, leaf.key_pem)
    stamped, plain = tmp_path / "stamped.mp4", tmp_path / "plain.mp4"
    sign(clip, stamped, spec, identity, time_stamps=TimeStamping(clock.url))
    sign(clip, plain, spec, identity)
    wait = (leaf.certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds() + 1.5
    time.sleep(max(0.0, wait))
    assert signed_at(stamped, ours + anchors(clock)) is not None
    for path, trust in ((stamped, ours), (plain, ours + anchors(clock))):
        report = read(path, trust)
        assert report.state == "invalid"
        assert "signingCredential.expired" in report.failures
