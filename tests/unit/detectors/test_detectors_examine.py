from __future__ import annotations

import logging
from typing import Any

import pytest

from detectors import (
    Claim,
    DetectorError,
    Evidence,
    EvidenceType,
    Outcome,
    Subject,
    VerdictName,
    decide,
    examine,
)
from tests.unit.detectors.samples import negative, positive, subject

SECRET = "a red fox in the snow"


class Sure:
    id = "sure"
    version = "1"
    types = (EvidenceType.REGISTRY,)

    def examine(self, subject: Subject) -> list[Evidence]:
        return [positive(EvidenceType.REGISTRY, Claim.OWN_RELEASE, release_id=subject.sha256)]


class Broken:
    id = "broken"
    version = "7"
    types = (EvidenceType.WATERMARK, EvidenceType.FINGERPRINT)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def examine(self, subject: Subject) -> list[Evidence]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


def test_detectors_answer_in_turn() -> None:
    found = examine(subject(), [Sure(), Broken([negative(EvidenceType.WATERMARK, Outcome.NOT_DETECTED)])])
    assert [item.type for item in found] == [EvidenceType.REGISTRY, EvidenceType.WATERMARK]
    assert found[0].details["release_id"] == "0" * 64


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DetectorError("reader_gone", f"No reader: {SECRET}"), "reader_gone"),
        (RuntimeError(SECRET), "detector_failed"),
        (MemoryError(), "detector_failed"),
        (None, "detector_failed"),
        ("text", "detector_failed"),
        ([{"claim": "own_release"}], "detector_failed"),
    ],
)
def test_a_failure_is_evidence_of_an_error_for_each_type(
    answer: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = examine(subject(), [Broken(answer), Sure()])
    assert [(item.type, item.outcome) for item in found[:2]] == [
        (EvidenceType.WATERMARK, Outcome.ERROR),
        (EvidenceType.FINGERPRINT, Outcome.ERROR),
    ]
    assert {item.details["code"] for item in found[:2]} == {code}
    assert decide(found[:2]).verdict is VerdictName.INCONCLUSIVE
    assert decide(found).verdict is VerdictName.GENERATED_HERE
    assert code in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in "".join(item.model_dump_json() for item in found)


def test_evidence_as_plain_data_is_taken() -> None:
    plain = [positive(EvidenceType.WATERMARK, Claim.OWN_MARK_RESOLVED).model_dump(mode="json")]
    assert examine(subject(), [Broken(plain)])[0].claim is Claim.OWN_MARK_RESOLVED
