"""A manifest store without its asset: read in a child process, and cut down to its active manifest."""

from __future__ import annotations

import io
import json
from pathlib import Path

import c2pa
import pytest

from guard import credentials, manifests
from guard.manifests import ManifestError
from guard.media.sandbox import Limits
from tests.manifest_stores import from_a_picture

LIMITS = Limits(seconds=60)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> credentials.Signed:
    return from_a_picture(tmp_path_factory.mktemp("signed"))


def labels(store: bytes) -> list[str]:
    with c2pa.Reader("application/c2pa", io.BytesIO(store)) as reader:
        return sorted(json.loads(reader.json())["manifests"])


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "store.c2pa"
    path.write_bytes(content)
    return path


def test_the_active_manifest_is_named(signed: credentials.Signed, tmp_path: Path) -> None:
    assert manifests.manifest_id(saved(tmp_path, signed.manifest), LIMITS) == signed.manifest_id
    assert manifests.digest(signed.manifest) == signed.manifest_digest


def test_the_active_manifest_alone_is_still_a_store(signed: credentials.Signed, tmp_path: Path) -> None:
    assert len(labels(signed.manifest)) == 2
    alone = manifests.only_active(signed.manifest)
    assert labels(alone) == [signed.manifest_id]
    assert manifests.only_active(alone) == alone
    assert int.from_bytes(alone[:4]) == len(alone) < len(signed.manifest)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\0\0\0\x08jumb", b"\0\0\0\x09jumbx", b"\0\0\xff\xffjumb" + bytes(40), bytes(64)]
)
def test_what_is_no_store_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        manifests.only_active(content)
    assert caught.value.code == "manifest_malformed"
    with pytest.raises(ManifestError) as caught:
        manifests.manifest_id(saved(tmp_path, content), LIMITS)
    assert caught.value.code == "manifest_malformed"


@pytest.mark.parametrize("word", [b"c2pa.types.model", b"trainedAlgorithmicMedia", b"com.example.mark.1"])
def test_a_changed_statement_is_refused(signed: credentials.Signed, word: bytes, tmp_path: Path) -> None:
    place = signed.manifest.rindex(word)
    altered = signed.manifest[:place] + b"X" + signed.manifest[place + 1 :]
    with pytest.raises(ManifestError) as caught:
        manifests.manifest_id(saved(tmp_path, altered), LIMITS)
    assert caught.value.code == "manifest_invalid"
