"""The child's side of the sandbox: ``python -m guard.media.child`` reads one call, runs it, and answers.

The call arrives as JSON on standard input, the answer leaves as JSON on what was standard output; prints of
libraries go to standard error. Limits and restrictions are in force before the called module is imported.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import site
import sys
import sysconfig
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guard.media import confine

_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)


def main() -> None:
    """Read a call, restrict this process, run it, answer, end without running exit handlers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    call = json.load(sys.stdin)
    confine.die_with(call["parent"])
    limits = call["limits"]
    limited = confine.limit(
        memory=limits["memory_bytes"],
        seconds=max(1, round(limits["cpu_seconds"])),
        file_size=limits["file_bytes"],
        open_files=limits["open_files"],
    )
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing beyond the limit fails instead
    readable, listable = _code()
    writable = [Path(path) for path in call["writable"]]
    protections = confine.restrict(
        readable=[*readable, *(Path(path) for path in call["readable"])],
        listable=listable,
        writable=[*writable, Path("/dev/null")],
    )
    answer = _run(call, {**asdict(protections), "limits": limited})
    json.dump(answer, answers)
    answers.flush()
    os._exit(0)


def _run(call: dict[str, Any], protections: dict[str, Any]) -> dict[str, Any]:
    if call["target"] == "":
        return {"value": protections}
    extra = {"secrets": call["secrets"]} if call["secrets"] is not None else {}
    try:
        module, _, name = call["target"].partition(":")
        value = getattr(importlib.import_module(module), name)(call["arguments"], **extra)
        json.dumps(value)
    except MemoryError:
        return {"error": "media_bomb", "message": "The file needs more memory than a reader is given."}
    except Exception as error:  # noqa: BLE001 - whatever a reader raises becomes an answer
        code = getattr(error, "code", None)
        if isinstance(code, str):
            return {"error": code, "message": str(error)}
        # the text of an unexpected error may quote the file, so only its type leaves the sandbox
        return {"error": "media_crashed", "message": f"The reader failed ({type(error).__name__})."}
    return {"value": value}


def _code() -> tuple[list[Path], list[Path]]:
    """Where code lies: folders to read, and folders in which packages are merely looked up.

    A folder of installed packages is read as a whole. Of any other entry of `sys.path` (a checkout, which may
    hold the service's data as well) only the packages in it are.
    """
    paths = sysconfig.get_paths()
    installed = {paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    installed |= {*site.getsitepackages(), site.getusersitepackages(), str(Path(sys.base_prefix) / "lib")}
    whole = [Path(path).resolve() for path in installed]
    readable = [*whole, *(Path(path) for path in _SYSTEM), Path(sys.prefix) / "pyvenv.cfg"]
    listable = []
    for entry in map(Path, filter(None, sys.path)):
        folder = entry.resolve()
        if any(folder.is_relative_to(path) for path in whole):
            continue
        if folder.is_file():
            readable.append(folder)
        elif folder.is_dir():
            listable.append(folder)
            readable += [item for item in folder.iterdir() if _is_code(item)]
    return readable, listable


def _is_code(path: Path) -> bool:
    return path.suffix in {".py", ".so"} or (path / "__init__.py").is_file()


if __name__ == "__main__":
    main()
