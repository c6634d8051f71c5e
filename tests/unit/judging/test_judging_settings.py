"""From the settings to who examines: what is named is there, or the start fails; what is not is said to be absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from guard.catalogue import catalogue
from guard.cli import hashes as hashes_cli
from guard.fingerprints.pdq import pdq
from guard.judging import FACES, LETTERING, examiner
from guard.models import ModelError, named
from guard.settings import Settings, SettingsError
from policies import Action, PolicyError
from tests.media import texture


def settings(folder: Path, **examination: Any) -> Settings:
    return Settings(data=folder / "data", examination=examination)  # type: ignore[arg-type]


def states(found: Any) -> dict[str, str]:
    return {part.examiner: part.code or part.state for part in found.parts()}


def test_what_was_not_fetched_or_set_is_absent(tmp_path: Path) -> None:
    found = examiner(settings(tmp_path), tmp_path / "models")
    assert states(found) == {
        "faces": "model_missing",
        "written": "model_missing",
        "hash-lists": "not_configured",
        "spoken": "not_configured",
    }
    off = examiner(settings(tmp_path, faces=False, written=False), tmp_path / "models")
    assert states(off)["faces"] == states(off)["written"] == "switched_off"


@pytest.mark.parametrize("name", [FACES, LETTERING])
def test_altered_weights_stop_the_start(tmp_path: Path, name: str) -> None:
    store = tmp_path / "models" / name
    store.mkdir(parents=True)
    for file in named(name).files:
        (store / file).write_bytes(b"something else")
    with pytest.raises(ModelError) as caught:
        examiner(settings(tmp_path), tmp_path / "models")
    assert caught.value.code == "model_altered"


def test_a_key_comes_from_the_environment_or_the_start_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = {"kind": "endpoint", "name": "omni", "base_url": "http://127.0.0.1:1/v1", "key_env": "OMNI_KEY"}
    monkeypatch.delenv("OMNI_KEY", raising=False)
    with pytest.raises(SettingsError, match="OMNI_KEY"):
        examiner(settings(tmp_path, judges=[judge]), tmp_path)
    monkeypatch.setenv("OMNI_KEY", "sk-secret")
    found = examiner(settings(tmp_path, judges=[judge]), tmp_path)
    assert states(found)["omni"] == "examined"
    decision = found.judge_text("a quiet lake")  # nobody listens there
    assert (decision.action, decision.reason) == (Action.BLOCK, "unavailable.omni")
    assert "sk-secret" not in decision.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"judges": [{"kind": "endpoint", "name": "x", "base_url": "ftp://x"}]},
        {"judges": [{"kind": "endpoint", "name": "x", "base_url": "http://user:secret@x/v1"}]},
        {"judges": [{"kind": "endpoint", "name": "X y", "base_url": "http://x/v1"}]},
        {"judges": [{"kind": "endpoint", "name": "x", "base_url": "http://x/v1", "on_failure": "ignore"}]},
        {
            "judges": [
                {"kind": "endpoint", "name": "x", "base_url": "http://x/v1", "review": 0.9, "block": 0.1}
            ]
        },
        {"judges": [{"kind": "endpoint", "name": "x", "base_url": "http://x/v1"}] * 2},
        {"judges": [{"kind": "llama_guard", "name": "x", "path": "/x"}]},  # no licence
        {"judges": [{"kind": "unheard_of", "name": "x"}]},
        {"hash_lists": [{"name": "x", "path": "/x", "category": "unheard_of"}]},
        {"transcriber": {"base_url": "http://x/v1", "on_failure": "ignore"}},
        {"unheard_of": True},
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path, **wrong)


def test_advisory_judges_may_be_down(tmp_path: Path) -> None:
    judge = {"kind": "endpoint", "name": "second", "base_url": "http://127.0.0.1:1/v1", "role": "advisory"}
    found = examiner(settings(tmp_path, judges=[judge]), tmp_path)
    assert found.judge_text("a quiet lake").action is Action.ALLOW


def test_a_guard_model_that_is_not_there_fails_closed_and_is_listed(tmp_path: Path) -> None:
    judge = {"kind": "llama_guard", "name": "llama", "path": str(tmp_path / "none"), "licence": "Llama 3.1"}
    made = settings(tmp_path, judges=[judge])
    found = examiner(made, tmp_path)
    assert dict(found.load()) == {"llama": "weights_missing"}
    assert found.judge_text("a quiet lake").reason == "unavailable.llama"
    (entry,) = (m.entry() for m in catalogue(made, tmp_path) if m.entry().name == "llama")
    assert (entry.state, entry.licence, entry.size) == ("missing", "Llama 3.1", 0)
    names = {m.entry().name: m.entry().state for m in catalogue(made, tmp_path)}
    assert names[FACES] == names[LETTERING] == "absent"


def test_lists_are_reloaded_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = (texture(180, 320, 3) * 255).astype(np.uint8)
    path, new, config = tmp_path / "list.txt", tmp_path / "new.txt", tmp_path / "guard.yaml"
    path.write_text("0" * 64 + "\n")
    config.write_text(json.dumps({"examination": {"hash_lists": [{"name": "authority", "path": str(path)}]}}))
    monkeypatch.setenv("GUARD_CONFIG", str(config))
    found = examiner(Settings(data=tmp_path / "data"), tmp_path)
    assert found.judge_frames([known]).action is Action.ALLOW
    command = CliRunner()
    new.write_text("nonsense\n")
    refused = command.invoke(hashes_cli.app, ["reload", "authority", str(new)])
    assert isinstance(refused.exception, PolicyError)
    assert path.read_text() == "0" * 64 + "\n"
    new.write_text(f"{pdq(known)[0].hex()}\n{'f' * 64}\n")
    assert command.invoke(hashes_cli.app, ["reload", "authority", str(new), "--json"]).exit_code == 0
    assert json.loads(command.invoke(hashes_cli.app, ["list", "--json"]).stdout) == [
        {"name": "authority", "category": "sexual_minors", "distance": 31, "hashes": 2}
    ]
    assert found.judge_frames([known]).reason == "hash.authority"  # the service that was running all along
    assert not list(tmp_path.glob(".hashes-*"))
    config.write_text("{}")
    assert "examination.hash_lists" in command.invoke(hashes_cli.app, ["list"]).stdout
    assert json.loads(command.invoke(hashes_cli.app, ["list", "--json"]).stdout) == []
    unknown = command.invoke(hashes_cli.app, ["reload", "other", str(new)])
    assert isinstance(unknown.exception, SettingsError)
