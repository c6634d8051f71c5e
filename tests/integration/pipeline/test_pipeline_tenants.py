"""What a tenant decides for its own files."""

from __future__ import annotations

from pathlib import Path

from guard.credentials import Trust, read
from guard.credentials.report import CredentialsReport
from guard.store.tenants import change_tenant
from tests.house import ALLOWED, House


def released(house: House) -> tuple[Path, CredentialsReport]:
    video_id = house.submit()
    assert house.ended(video_id).status == "completed"
    house.run_ended(video_id)
    release = house.release_of(video_id)
    assert release is not None
    path = house.data / "objects" / release.object_key
    return path, read(path, Trust.from_folder(house.installation.paths.signing))


def test_rights_and_prompt_are_told_as_the_tenant_wants(house: House) -> None:
    path, report = released(house)
    assert report.claims is not None
    assert set(report.claims.training_mining.values()) == {"notAllowed"}
    assert ALLOWED.encode() not in path.read_bytes()
    with house.services.database.write() as session:
        change_tenant(session, "default", training_mining="allowed", prompt_in_manifest=True)
    path, report = released(house)
    assert report.state == "trusted"
    assert report.claims is not None
    assert set(report.claims.training_mining.values()) == {"allowed"}
    assert ALLOWED.encode() in path.read_bytes()
    with house.services.database.write() as session:
        change_tenant(session, "default", training_mining="unset", prompt_in_manifest=False)
    path, report = released(house)
    assert report.claims is not None
    assert report.claims.training_mining == {}
    assert ALLOWED.encode() not in path.read_bytes()
