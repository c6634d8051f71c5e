"""What holds for every command: help, exit codes, error lines, languages."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from guard import __version__
from guard.cli.common import errors_explained, language, stoppable
from guard.cli.main import app
from guard.judging import FACES
from guard.models import named

COMMAND = typer.main.get_command(app)


def leaves(command: Any, *path: str) -> list[tuple[str, ...]]:
    """Paths of all commands that do something."""
    if not hasattr(command, "commands"):
        return [path]
    return [leaf for name, sub in command.commands.items() for leaf in leaves(sub, *path, name)]


LEAVES = leaves(COMMAND)


def test_there_is_a_command_for_everything() -> None:
    assert {leaf[0] for leaf in LEAVES} == {
        "api-keys", "audit", "generate", "hashes", "index", "keys", "mark", "models", "policy", "prompts", "release",
        "report", "review", "sealed", "serve", "tenants", "train", "trust", "verify", "videos",
    }  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_an_example(leaf: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*leaf, "--help"])
    assert answer.exit_code == 0
    words = " ".join(re.sub(r"[^\w./ -]", " ", answer.output).split())
    assert "%Y" not in answer.output
    assert re.search(r"Examples? guard " + " ".join(leaf), words), words


@pytest.mark.parametrize("group", sorted({leaf[:-1] for leaf in LEAVES}), ids=" ".join)
def test_every_group_shows_one_of_its_commands(group: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*group, "--help"])
    words = " ".join(re.sub(r"[^\w./ -]", " ", answer.output).split())
    example = re.search(rf"Example {' '.join(('guard', *group))} ([\w-]+)", words)
    assert example is not None, words
    assert (*group, example[1]) in LEAVES


def test_python_runs_it_as_a_module_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "guard", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == __version__


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_every_option_says_what_it_does(leaf: tuple[str, ...]) -> None:
    command: Any = COMMAND
    for name in leaf:
        command = command.commands[name]
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, parameter.name


def test_version(guard: Any) -> None:
    assert guard("--version").out.strip() == __version__


def test_unknown_commands_and_options_are_usage_errors(guard: Any) -> None:
    for arguments in (
        ("frobnicate",),
        ("verify", "--nonsense"),
        ("verify", "no-such-file.mp4"),
        ("--config", "missing.yaml", "keys", "status"),
        ("audit", "verify", "--previous", "missing"),
        ("audit", "verify", "missing", "--log-key", "a+b+c"),
        ("policy", "test", "missing.yaml"),
        ("generate", " "),
        ("generate", "a boat", "--seed", -3),
        ("generate", "a boat", "--seed", 2**31),
        ("generate", "a boat", "--seconds", 0),
        ("generate", "a boat", "--picture", "--seconds", 4),
        ("generate", "a boat", "--format", "png"),
        ("generate", "a boat", "--picture", "--format", "mp4"),
    ):
        ran = guard(*arguments)
        assert ran.code == 2
        assert ran.out == ""
        assert "Usage" in ran.err


def test_an_error_of_ours_is_one_line_with_its_code(guard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_CONFIG", "missing.yaml")
    ran = guard("keys", "status")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error [settings_unreadable]: GUARD_CONFIG names missing.yaml")
    assert ran.err.count("\n") == 1


def test_wrong_settings_are_named_without_their_values(guard: Any, tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text("database_url: 17\nreviw: {}\n")
    ran = guard("keys", "status")
    assert ran.code == 1
    assert "error [settings_invalid]" in ran.err
    assert "reviw" in ran.err
    assert "17" not in ran.err


def test_a_defect_says_so_and_debug_shows_it(guard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr("guard.cli.common.load_settings", broken)
    ran = guard("keys", "status")
    assert (ran.code, ran.out) == (1, "")
    assert "unexpected ZeroDivisionError; run again with --debug" in ran.err
    assert "secret text" not in ran.err
    with pytest.raises(ZeroDivisionError):
        guard("--debug", "keys", "status")


def test_the_first_stop_lets_the_step_end_and_the_second_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    before = signal.getsignal(signal.SIGINT)
    with stoppable():
        pass
    assert signal.getsignal(signal.SIGINT) is before
    try:
        with pytest.raises(SystemExit) as end, errors_explained(debug=False), stoppable():
            os.kill(os.getpid(), signal.SIGINT)
        assert (end.value.code, ended) == (130, [])
        assert "guard videos resume" in capsys.readouterr().err
        os.kill(os.getpid(), signal.SIGINT)
        assert ended == [130]
    finally:
        signal.signal(signal.SIGINT, before)


def test_language_is_what_was_asked_for_or_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
    assert (language(""), language("en"), language("de")) == ("de", "en", "de")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert language("") == "en"
    with pytest.raises((typer.BadParameter, click.exceptions.BadParameter)):
        language("fr")


def test_a_port_in_use_is_said_before_anything_else(guard: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = guard("--data", tmp_path / "data", "serve", "--port", port)
    assert ran.code == 1
    assert "error [address_unavailable]" in ran.err
    assert str(port) in ran.err
    assert ran.out == ""


def test_serve_says_what_cannot_judge_before_it_listens(
    guard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "data" / "models" / FACES
    store.mkdir(parents=True)
    for file in named(FACES).files:
        (store / file).write_bytes(b"something else")
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: pytest.fail("listens"))
    ran = guard("--data", tmp_path / "data", "serve", "--port", 0)
    assert (ran.code, ran.out) == (1, "")
    assert "error [model_altered]: " in ran.err
