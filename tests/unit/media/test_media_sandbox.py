"""The sandbox: what hostile readers cannot do, and that the caller outlives them."""

from __future__ import annotations

import os
import platform
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guard.media import MediaError, SandboxError, confine, sandbox
from guard.media.sandbox import Limits
from tests import media

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TARGETS = "tests.unit.media.sandbox_targets"
LANDLOCK = confine.landlock_version()
"""What the kernel says it has, whether or not the sandbox uses it."""
needs_landlock = pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="there is no filter of system calls for this system",
)


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
    assert not {"torch", "cv2", "sqlalchemy"} & set(found["modules"])


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


def test_a_path_that_was_given_is_read(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    assert run("read", str(mine), readable=[mine]) == "mine"


@needs_landlock
def test_files_outside_stay_closed(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.txt", tmp_path / "other.txt"
    mine.write_text("mine")
    other.write_text("other")
    outside = [str(other), "/etc/passwd", str(ROOT / "pyproject.toml"), f"/proc/{os.getpid()}/environ"]
    for path in outside:
        assert code_of("read", path, readable=[mine]) == "media_crashed"


def test_what_is_written_is_limited(tmp_path: Path) -> None:
    assert run("write", {"path": str(tmp_path / "a"), "size": 10}, writable=[tmp_path]) == 10
    small = Limits(file_bytes=1000)
    assert code_of("write", {"path": str(tmp_path / "c"), "size": 5000}, writable=[tmp_path], limits=small)
    assert (tmp_path / "c").stat().st_size <= 1000


@needs_landlock
def test_only_writable_paths_are_written(tmp_path: Path) -> None:
    allowed = tmp_path / "out"
    allowed.mkdir()
    target = allowed / "a"
    target.write_bytes(bytes(10))
    assert code_of("write", {"path": str(tmp_path / "b"), "size": 10}, writable=[allowed]) == "media_crashed"
    assert code_of("write", {"path": str(target), "size": 0}, readable=[allowed]) == "media_crashed"
    assert target.stat().st_size == 10


def test_threads_and_limits_of_its_own_are_the_childs_to_use() -> None:
    assert run("make_thread") == "thread"
    assert run("own_limits") == [2]


@needs_seccomp
def test_no_network_no_programs_no_signals(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert code_of("connect", server.getsockname()[1]) == "media_crashed"
    for name in ("start_program", "fork", "signal_parent"):
        assert code_of(name) == "media_crashed"
    assert code_of("change_mode", str(file), writable=[file]) == "media_crashed"
    assert file.stat().st_mode & 0o777 != 0o777


@needs_seccomp
@pytest.mark.parametrize(
    "what",
    [
        "limits of the parent",
        "limits of the parent, read",
        "priority of the parent",
        "processors of the parent",
        "scheduling of the parent",
        "queued signal",
        "shared memory",
        "shared memory, removed",
        "message queue",
        "semaphores",
        "named queue",
    ],
)
def test_nothing_of_the_parent_and_nothing_that_outlives_the_child_is_touched(what: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, 0)
    with pytest.raises(SandboxError, match="PermissionError"):
        run("outside", what)
    assert before == (resource.getrlimit(resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, 0))


def test_the_protections_that_this_system_offers_all_hold() -> None:
    linux = sys.platform == "linux"
    found = dict(sandbox.status())
    assert found.pop("limits") or sys.platform == "darwin"  # which limits no address space
    assert found == {
        "capabilities": linux,
        "no_new_privileges": linux,
        "files": LANDLOCK,
        "system_calls": linux and platform.machine() in ("x86_64", "aarch64"),
    }


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
    names = ["av", "PIL.Image", "c2pa", "cv2", "onnxruntime"]
    assert run("load", names) == names


def test_a_clip_is_probed_inside(clip_360: Path) -> None:
    info = run("probe", str(clip_360), readable=[clip_360])
    assert (info["width"], info["height"], info["frames"]) == (640, 360, 48)


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
            run("probe", str(tmp_path / name), readable=[tmp_path / name])
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
