"""The sandbox: what hostile readers cannot do, and that the caller outlives them."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guard.media import MediaError, SandboxError, sandbox
from guard.media.sandbox import Limits
from tests import media

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TARGETS = "tests.unit.media.sandbox_targets"


def run(name: str, arguments: Any = None, **options: Any) -> Any:
    readable = [HERE, *options.pop("readable", ())]
    return sandbox.call(f"{TARGETS}:{name}", arguments, readable=readable, **options)


def code_of(name: str, arguments: Any = None, **options: Any) -> str:
    with pytest.raises(SandboxError) as caught:
        run(name, arguments, **options)
    return caught.value.code


def test_values_go_in_and_come_out() -> None:
    value = {"ä": [1, 2.5, None, True], "b": "x" * 300_000}
    found = run("echo", value, secrets={"key": "00ff"})
    assert found == {"arguments": value, "secrets": ["key"], "threads": 1}
    assert run("echo")["secrets"] == []


def test_the_child_starts_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_MASTER_KEY", "do-not-pass-on")
    with (HERE / "sandbox_targets.py").open("rb"):
        found = run("surroundings", secrets={"key": "5ec3e7"})
    text = str(found)
    assert "do-not-pass-on" not in text
    assert "5ec3e7" not in text
    assert found["open"] <= 5  # three standard streams, the answer, and the listing itself
    assert not Path(found["folder"]).exists()
    assert not {"torch", "cv2", "numba", "sqlalchemy"} & set(found["modules"])


def test_start_up_is_quick() -> None:
    run("echo")
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("echo")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.5


def test_errors_keep_their_code_and_unexpected_ones_keep_their_text_to_themselves() -> None:
    with pytest.raises(SandboxError, match="Turn the file round") as caught:
        run("fail", "code")
    assert caught.value.code == "odd_thing"
    assert isinstance(caught.value, MediaError)
    with pytest.raises(SandboxError) as caught:
        run("fail", "plain")
    assert caught.value.code == "media_crashed"
    assert "what the file said" not in str(caught.value)


@pytest.mark.parametrize("how", ["segfault", "exit", "unwritable"])
def test_a_crash_is_an_error(how: str) -> None:
    assert code_of("fail", how) == "media_crashed"


def test_an_answer_that_is_no_json_is_an_error() -> None:
    assert code_of("not_json") == "media_crashed"


def test_an_unknown_target_is_an_error() -> None:
    with pytest.raises(SandboxError) as caught:
        sandbox.call("guard.media.nothing:here", None)
    assert caught.value.code == "media_crashed"


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("spin", Limits(seconds=1.5)),
        ("sleep", Limits(seconds=1.5)),
        ("spin", Limits(cpu_seconds=1, seconds=50)),
    ],
)
def test_what_does_not_end_is_ended(name: str, limits: Limits) -> None:
    started = time.monotonic()
    assert code_of(name, limits=limits) == "media_timeout"
    assert time.monotonic() - started < 40


def test_ten_gigabytes_are_refused() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert code_of("allocate", 10, limits=Limits(memory_bytes=2**30)) == "media_bomb"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_long_answers_and_complaints_are_cut_off() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert code_of("answer_long", 200_000_000, limits=Limits(output_bytes=100_000)) == "media_bomb"
    assert run("complain", 30_000_000) == "done"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_files_outside_stay_closed_where_landlock_holds(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.txt", tmp_path / "other.txt"
    mine.write_text("mine")
    other.write_text("other")
    assert run("read", str(mine), readable=[mine]) == "mine"
    outside = [str(other), "/etc/passwd", str(ROOT / "pyproject.toml"), f"/proc/{os.getpid()}/environ"]
    for path in outside:
        if sandbox.status()["files"]:
            assert code_of("read", path, readable=[mine]) == "media_crashed"
        else:
            assert run("read", path, readable=[mine])


def test_only_writable_paths_are_written_where_landlock_holds(tmp_path: Path) -> None:
    allowed = tmp_path / "out"
    allowed.mkdir()
    assert run("write", {"path": str(allowed / "a"), "size": 10}, writable=[allowed]) == 10
    if sandbox.status()["files"]:
        assert (
            code_of("write", {"path": str(tmp_path / "b"), "size": 10}, writable=[allowed]) == "media_crashed"
        )
        target = allowed / "a"
        assert code_of("write", {"path": str(target), "size": 0}, readable=[allowed]) == "media_crashed"
        assert target.stat().st_size == 10
    small = Limits(file_bytes=1000)
    assert code_of("write", {"path": str(allowed / "c"), "size": 5000}, writable=[allowed], limits=small)
    assert (allowed / "c").stat().st_size <= 1000


def test_no_network_no_programs_no_signals_where_the_kernel_filters(tmp_path: Path) -> None:
    protections = sandbox.status()
    file = tmp_path / "file"
    file.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if protections["system_calls"] or protections["files"] >= 4:
            assert code_of("connect", port) == "media_crashed"
    if protections["system_calls"]:
        for name in ("start_program", "fork", "signal_parent"):
            assert code_of(name) == "media_crashed"
        limits = resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), os.sched_getaffinity(0)
        for name in ("limit_parent", "slow_parent", "move_parent", "share_memory"):
            assert code_of(name) == "media_crashed"
        assert limits == (resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), os.sched_getaffinity(0))
        assert code_of("change_mode", str(file), writable=[file]) == "media_crashed"
        assert file.stat().st_mode & 0o777 != 0o777
    assert run("make_thread") == "thread"
    assert run("own_limits") == [0, 0]


def test_all_protections_hold_on_current_linux() -> None:
    found = sandbox.status()
    assert found["limits"]
    assert set(found) == {"limits", "capabilities", "no_new_privileges", "files", "system_calls"}
    if os.uname().sysname == "Linux":
        assert found["no_new_privileges"]


def test_an_older_kernel_still_gets_the_floor(tmp_path: Path) -> None:
    """Without Landlock and seccomp (both patched away) the limits hold and reading goes on."""
    program = (
        "from pathlib import Path; from guard.media import confine;"
        "confine.landlock_version = lambda: 0; confine.seccomp.install = lambda machine: False;"
        "print(confine.limit(memory=2**28, seconds=5, file_size=10**6, open_files=50));"
        "print(confine.restrict(readable=[], listable=[], writable=[]).files);"
        "print(Path('/etc/passwd').exists())\n"
        "try: bytearray(2**29)\n"
        "except MemoryError: print('no memory')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:4] == ["True", "0", "True", "no memory"]


def test_libraries_that_readers_need_load_inside() -> None:
    names = ["av", "PIL.Image", "c2pa", "cv2", "numba", "onnxruntime"]
    assert run("load", names) == names


def test_a_clip_is_probed_inside(clip_360: Path) -> None:
    info = sandbox.probe(clip_360)
    assert (info.width, info.height, info.frames) == (640, 360, 48)


def sparse(path: Path, head: bytes) -> Path:
    """A file that says it holds 3 GB and takes no room."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(3 * 10**9)
    return path


def test_hostile_files_get_their_code_within_seconds(clip_360: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"Once upon a time.\n" * 1000)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(clip_360.read_bytes()[:20_000])
    media.zero_png(tmp_path / "bomb.png", 30_000, 30_000)
    sparse(tmp_path / "zeros.mp4", b"")
    sparse(tmp_path / "endless.mp4", b"\0\0\0\x14ftypisom\0\0\0\0isom" + b"\0\0\0\0mdat")
    expected = {
        "text.mp4": "media_unreadable",
        "empty.mp4": "media_empty",
        "cut.mp4": "media_truncated",
        "bomb.png": "media_bomb",
        "zeros.mp4": "media_unreadable",
        "endless.mp4": "media_truncated",
    }
    started = time.monotonic()
    found = {}
    for name in expected:
        with pytest.raises(SandboxError) as caught:
            sandbox.probe(tmp_path / name)
        found[name] = caught.value.code
    assert found == expected
    assert time.monotonic() - started < 20


def test_a_full_disk_leaves_no_partial_file(clip_360: Path, tmp_path: Path) -> None:
    arguments = {"source": str(clip_360), "out": str(tmp_path / "out.mp4")}
    with pytest.raises(SandboxError) as caught:
        run("encode", arguments, readable=[clip_360], writable=[tmp_path], limits=Limits(file_bytes=30_000))
    assert caught.value.code == "media_write_failed"
    arguments["out"] = str(tmp_path / "out.avi")
    with pytest.raises(SandboxError) as caught:
        run("lossless", arguments, readable=[clip_360], writable=[tmp_path], limits=Limits(file_bytes=30_000))
    assert caught.value.code == "media_write_failed"
    assert list(tmp_path.iterdir()) == []
