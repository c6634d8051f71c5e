"""tools/setup-env: which torch it takes, when it has nothing to do, what it says when it cannot go on."""

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the tool and pyproject.toml, and no environment yet."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "setup-env", tmp_path / "tools")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def tool(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool as a module that looks at the checkout."""
    for name in ("EXTRAS", "TORCH", "PYTHON"):
        monkeypatch.delenv(name, raising=False)
    loader = SourceFileLoader("setup_env", str(checkout / "tools" / "setup-env"))
    spec = spec_from_loader("setup_env", loader)
    assert spec is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "setup_env", module)
    loader.exec_module(module)
    return module


def run(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("EXTRAS", "TORCH", "PYTHON")}
    return subprocess.run(
        [sys.executable, str(checkout / "tools" / "setup-env"), *arguments],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def machine(tool: ModuleType, *, gpu: bool, pip_finds: str, answers: bool) -> Callable[[str], list[str]]:
    """The tool's choice on a Linux machine with these traits."""
    tool.platform = type("platform", (), {"system": staticmethod(lambda: "Linux")})
    tool.has_nvidia_gpu = lambda: gpu
    tool.output = lambda command: pip_finds
    tool.reachable = lambda host: answers
    return tool.torch_choice


PLAIN = "torch (2.13.0)\nAvailable versions: 2.13.0, 2.12.1\n"
LOCAL = "torch (2.13.0)\nAvailable versions: 2.13.0+cpu, 2.13.0, 2.12.1\n"


def test_a_cpu_build_that_pip_finds_is_asked_for_by_name(tool: ModuleType) -> None:
    pin = tool.pin("torch")
    finds = LOCAL.replace("2.13.0", pin)
    assert machine(tool, gpu=False, pip_finds=finds, answers=False)("auto") == [f"torch=={pin}+cpu"]


def test_without_a_gpu_pytorchs_cpu_index_is_used(tool: ModuleType) -> None:
    chosen = machine(tool, gpu=False, pip_finds=PLAIN, answers=True)("auto")
    assert chosen[:2] == ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    assert chosen[2:] == [f"torch=={tool.pin('torch')}+cpu", f"torchvision=={tool.pin('torchvision')}+cpu"]


def test_with_a_gpu_the_package_indexs_build_is_used(tool: ModuleType) -> None:
    assert machine(tool, gpu=True, pip_finds=LOCAL, answers=True)("auto") == []


def test_cpu_can_be_demanded_on_a_machine_with_a_gpu(tool: ModuleType) -> None:
    chosen = machine(tool, gpu=True, pip_finds=PLAIN, answers=True)("cpu")
    assert f"torch=={tool.pin('torch')}+cpu" in chosen


def test_where_no_cpu_build_is_offered_auto_says_so_and_cpu_refuses(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    choose = machine(tool, gpu=False, pip_finds=PLAIN, answers=False)
    assert choose("auto") == []
    assert "CUDA" in capsys.readouterr().out
    with pytest.raises(tool.SetupError, match="PIP_FIND_LINKS"):
        choose("cpu")


def test_a_host_that_does_not_answer_is_unreachable(tool: ModuleType) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert tool.reachable(f"127.0.0.1:{free.getsockname()[1]}") is False


def test_nothing_happens_when_nothing_has_changed(checkout: Path, tool: ModuleType) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    tool.STAMP.write_text(json.dumps(tool.Wish("dev", "auto").state()))
    done = run(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_pyproject_makes_the_stamp_stale(checkout: Path, tool: ModuleType) -> None:
    before = tool.Wish("dev", "auto").state()
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("\n# changed\n")
    assert tool.Wish("dev", "auto").state() != before


def test_extras_stay_as_asked_for_last(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool.Wish.read().extras == "dev"
    monkeypatch.setenv("EXTRAS", "dev train")
    wish = tool.Wish.read()
    assert wish.extras == "dev,train"
    tool.VENV.mkdir()
    tool.STAMP.write_text(json.dumps(wish.state()))
    monkeypatch.delenv("EXTRAS")
    assert tool.Wish.read() == wish


def test_check_names_what_an_environment_lacks(checkout: Path, tool: ModuleType) -> None:
    venv.create(checkout / ".venv", with_pip=False)
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert "opencv-python-headless is not installed" in done.stdout
    assert "import cv2 fails: ModuleNotFoundError" in done.stdout


def test_check_finds_a_second_opencv(checkout: Path, tool: ModuleType) -> None:
    venv.create(checkout / ".venv", with_pip=False)
    site = next((checkout / ".venv" / "lib").glob("python*")) / "site-packages"
    (site / "opencv_python-5.0.dist-info").mkdir()
    (site / "opencv_python-5.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: opencv-python\nVersion: 5.0\n"
    )
    assert "opencv-python 5.0 is installed beside the headless build" in run(checkout, "--check").stdout


def test_check_names_a_missing_environment(checkout: Path) -> None:
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert ".venv is missing" in done.stdout


def test_an_interpreter_that_does_not_exist_is_named(checkout: Path) -> None:
    done = run(checkout, PYTHON="/no/such/python")
    assert done.returncode == 1
    assert "/no/such/python" in done.stderr
    assert "Python 3.11 or newer" in done.stderr


def test_an_unknown_kind_of_torch_is_refused(checkout: Path) -> None:
    done = run(checkout, TORCH="rocm")
    assert done.returncode == 1
    assert "TORCH=rocm" in done.stderr


def test_what_the_tool_relies_on_is_pinned(tool: ModuleType) -> None:
    for name in ("torch", "torchvision", "opencv-python-headless"):
        assert tool.pin(name)[0].isdigit()
    with pytest.raises(tool.SetupError, match="does not pin"):
        tool.pin("safetensors")
