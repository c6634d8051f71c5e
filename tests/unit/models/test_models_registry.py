"""The registry of weight files, on a package made for the test and on the real list."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from guard.models import ModelError, Problem, locate, models, record, verify
from policies import NgramClassifier, OpenNsfwScorer
from policies.faces import WEIGHTS, FaceFinder


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights = tmp_path / "toy_weights_package" / "weights"
    weights.mkdir(parents=True)
    (weights.parent / "__init__.py").write_text(
        "raise RuntimeError('finding a model must not import its package')"
    )
    (weights / "a.npz").write_bytes(b"first")
    (weights / "notes.txt").write_bytes(b"not a weight")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = {
        "name": "toy",
        "package": "toy_weights_package",
        "folder": "weights",
        "pattern": "*.npz",
        "files": {},
        "licence": "Apache-2.0",
        "purpose": "test",
        "source": "here",
    }
    path = tmp_path / "registry.json"
    path.write_text(json.dumps([entry]))
    return path


def test_files_are_recorded_and_verified(registry: Path) -> None:
    assert verify(registry) == (Problem("toy", "a.npz", "unrecorded"),)
    with pytest.raises(ModelError) as caught:
        locate("toy", registry)
    assert caught.value.code == "model_missing"
    assert record(registry) == ("toy",)
    assert verify(registry) == ()
    assert record(registry) == ()
    assert locate("toy", registry) == registry.parent / "toy_weights_package" / "weights"
    assert "toy_weights_package" not in sys.modules


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ("alter", "altered", "model_altered"),
        ("remove", "missing", "model_missing"),
        ("add", "unrecorded", "model_altered"),
    ],
)
def test_changes_are_noticed(change: str, kind: str, code: str, registry: Path) -> None:
    record(registry)
    before = models(registry)[0].digest
    weights = locate("toy", registry)
    if change == "alter":
        (weights / "a.npz").write_bytes(b"other")
    elif change == "remove":
        (weights / "a.npz").unlink()
    else:
        (weights / "b.npz").write_bytes(b"more")
    assert [problem.kind for problem in verify(registry)] == [kind]
    with pytest.raises(ModelError) as caught:
        locate("toy", registry)
    assert caught.value.code == code
    record(registry)
    assert models(registry)[0].digest != before


def test_unknown_models_and_missing_packages_are_named(registry: Path) -> None:
    with pytest.raises(ModelError) as caught:
        locate("none", registry)
    assert caught.value.code == "model_unknown"
    record(registry)
    registry.write_text(registry.read_text().replace("toy_weights_package", "not_installed_package"))
    with pytest.raises(ModelError) as caught:
        locate("toy", registry)
    assert caught.value.code == "model_missing"


def test_the_judge_checks_the_files_that_the_registry_records() -> None:
    recorded = {model.name: model.files for model in models()}
    assert OpenNsfwScorer.digest == f"sha256:{recorded['open-nsfw']['open-nsfw.onnx']}"
    assert FaceFinder.digest == f"sha256:{recorded['face-detector'][WEIGHTS]}"
    assert NgramClassifier.embedded().digest == f"sha256:{recorded['prompt-classifier']['prompts.npz']}"


def test_every_weight_file_that_we_ship_is_recorded_and_unaltered() -> None:
    assert verify() == ()
    named = {model.name for model in models()}
    assert {"prompt-classifier", "embedded-generator", "open-nsfw"} <= named
    for model in models():
        assert model.files
        assert model.licence
        assert model.source


def test_what_is_fetched_stays_as_recorded(registry: Path) -> None:
    (entry,) = json.loads(registry.read_text())
    registry.write_text(json.dumps([{**entry, "requirement": "toy==1", "files": {"a.npz": "0" * 64}}]))
    recorded = registry.read_text()
    assert record(registry) == ()
    assert json.loads(registry.read_text()) == json.loads(recorded)
