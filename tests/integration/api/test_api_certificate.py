"""What health and numbers say of a signing certificate that is about to expire, has, or cannot sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.authority import placed
from tests.credentials_forge import ISSUER, certificate, pem
from tests.integration.api.conftest import Api


def days_left(api: Api) -> float:
    lines = api("GET", "/metrics", key=None).text.splitlines()
    return float(next(line for line in lines if line.startswith("guard_certificate_days_left")).split()[1])


@pytest.mark.parametrize(
    ("days", "status", "code"), [(40, "ok", 200), (20, "warning", 200), (-1, "failed", 503)]
)
def test_a_certificate_warns_before_it_expires(api: Api, days: int, status: str, code: int) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    leaf = certificate(
        key, start=now - timedelta(days=60), end=now + timedelta(days=days) + timedelta(hours=1)
    )
    folder = api.state.installation.paths.signing
    with placed(folder, leaf + ISSUER.certificate_pem, pem(key)):
        response = api("GET", "/readyz", key=None)
        assert (response.status_code, response.json()["checks"]["signer"]["status"]) == (code, status)
        assert response.json()["checks"]["signer"]["days_left"] == days
        assert days_left(api) == pytest.approx(days + 1 / 24, abs=0.01)
    assert api("GET", "/readyz", key=None).json()["checks"]["signer"]["status"] == "ok"


def test_a_certificate_that_cannot_sign_is_not_ready_and_the_numbers_still_come(api: Api) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with placed(
        api.state.installation.paths.signing, certificate(key, usages=[]) + ISSUER.certificate_pem, pem(key)
    ):
        response = api("GET", "/readyz", key=None)
        assert response.status_code == 503
        assert response.json()["checks"]["signer"] == {"status": "failed", "code": "certificate_profile"}
        numbers = api("GET", "/metrics", key=None)
        assert numbers.status_code == 200
        assert "guard_videos" in numbers.text
