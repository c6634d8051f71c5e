"""What the two ways of checking a file say of the same file."""

from __future__ import annotations

import io
import wave

import pytest

from tests.integration.api.conftest import Api


def sound(*, broken: bool = False) -> bytes:
    """A second of sound as WAV; broken: with a length at its head that is not the file's."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\0" * 8000)
    data = out.getvalue()
    return data[:4] + b"\xff\xff\0\0" + data[8:] if broken else data


@pytest.mark.parametrize("broken", [False, True])
def test_a_manifest_that_nobody_saw_is_not_detected(broken: bool, api: Api) -> None:
    file = {"file": ("a.wav", sound(broken=broken))}
    check = api("POST", "/v1/content_provenance_checks", files=file).json()
    c2pa = next(result for result in check["results"] if result["type"] == "c2pa")
    assert (c2pa["outcome"], c2pa["validation_state"]) == ("not_detected", "not_present")
    verification = api("POST", "/v1/verifications", files=file).json()
    evidence = next(item for item in verification["evidence"] if item["type"] == "c2pa")
    assert evidence["outcome"] == ("inconclusive" if broken else "not_detected")


def test_every_kind_of_evidence_is_named_for_sound_too(api: Api) -> None:
    verification = api("POST", "/v1/verifications", files={"file": ("a.wav", sound())}).json()
    kinds = [item["type"] for item in verification["evidence"]]
    assert sorted(kinds) == sorted(
        {"registry", "c2pa", "watermark", "fingerprint", "known_watermark", "metadata"}
    )
    found = {item["type"]: item["outcome"] for item in verification["evidence"]}
    assert found["watermark"] == found["fingerprint"] == "unavailable"
    assert any("Sound" in limit for limit in verification["limits"]["en"])
