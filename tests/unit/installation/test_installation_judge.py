"""Who judges is put together at first use; whoever means to work puts it together at the start, or does not start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from guard.app import create_app
from guard.installation import open_installation
from guard.judging import FACES
from guard.models import ModelError, named
from guard.once import once
from guard.pipeline.engine import working_elsewhere
from guard.settings import Settings

HEAVY = ("torch", "onnxruntime", "transformers")


def altered(data: Path) -> Settings:
    """Of a data folder whose weights for faces are not what they should be."""
    store = data / "models" / FACES
    store.mkdir(parents=True)
    for file in named(FACES).files:
        (store / file).write_bytes(b"something else")
    return Settings(data=data)


def test_commands_that_judge_nothing_load_no_models(tmp_path: Path) -> None:
    script = f"""if True:
        import sys
        from guard.cli import main
        for command in ("keys status", "review list", "videos list", "sealed list", "index status"):
            sys.argv = ["guard", *command.split()]
            try:
                main()
            except SystemExit as end:
                assert not end.code, command
        print([name for name in {HEAVY} if name in sys.modules])
    """
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"GUARD_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stderr


def test_a_worker_does_not_start_with_altered_weights(tmp_path: Path) -> None:
    opened = open_installation(altered(tmp_path / "data"))
    try:
        with pytest.raises(ModelError) as refused:
            opened.work()
        assert refused.value.code == "model_altered"
        assert not working_elsewhere(opened.paths.lock)
    finally:
        opened.close()


def test_a_service_does_not_start_with_altered_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused, TestClient(create_app(altered(tmp_path / "data"))):
        pass
    assert refused.value.code == "model_altered"


def test_threads_that_come_at_once_share_one() -> None:
    made: list[object] = []

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    shared, got = once(make), []
    threads = [threading.Thread(target=lambda: got.append(shared())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), {id(one) for one in got}) == (1, {id(made[0])})


def test_what_failed_is_tried_again() -> None:
    left = [ValueError("not yet")]

    def make() -> str:
        if left:
            raise left.pop()
        return "made"

    shared = once(make)
    with pytest.raises(ValueError, match="not yet"):
        shared()
    assert shared() == "made"
