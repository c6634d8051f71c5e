"""What `make run` does: the main job on real input, then two verifications in new processes.

The first verifier is a stranger: it gets the file, the public certificate, the log's public key and the log proof, in a
folder of its own, and nothing else. The second is the service, which gets the file after all metadata were stripped.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.rule import Rule

from guard.bootstrap import DEMONSTRATION, default_tenant
from guard.cli.common import errors_explained, language, out, quiet_logs, stoppable
from guard.cli.generate import Made, finish, submit
from guard.cli.remote import verify_remotely
from guard.cli.verdicts import print_verdict
from guard.installation import Installation, open_installation
from guard.media import strip_metadata
from guard.pipeline.jobs import utc_now
from guard.pipeline.submit import RefusedError
from guard.settings import load_settings
from guard.store import Video, get_decision, tenants

PROMPT = "a big red ball bounces over a green meadow by day"
SECONDS = 4
SIZE = "1280x720"
START_SECONDS = 90.0


class DemoError(Exception):
    """A part of the demonstration fell short.

    Attributes:
        code: ``fell_short``.
    """

    code = "fell_short"


def main() -> None:
    """Run the demonstration; ends with a non-zero exit code if any part falls short."""
    quiet_logs()
    with errors_explained(debug="--debug" in sys.argv), stoppable():
        run(os.environ.get("PROMPT") or PROMPT, Path("out"))


def run(prompt: str, folder: Path) -> None:
    """Prompt to released file, and both verifications.

    Args:
        prompt: what to show.
        folder: where the file and its proof go.

    Raises:
        DemoError: something fell short.
    """
    with out.status("opening the installation"):
        opened = open_installation(load_settings())
    try:
        _run(opened, prompt, folder)
    finally:
        opened.close()


def _run(opened: Installation, prompt: str, folder: Path) -> None:
    spoken = language("")
    out.print(Rule("1  decide, generate, mark, sign, check, release"))
    made = _make(opened, prompt, folder)
    public = _public_things(opened, folder)
    opened.engine.close()  # from here on the service works
    out.print(Rule("2  verify as a stranger, offline"))
    with out.status("examining the file in a new process"):
        stranger = _as_stranger(made, public)
    print_verdict(out, stranger, spoken)
    _expect(stranger, {"registry": "own_release", "c2pa": "declares_ai"}, "the stranger's verification")
    if _outcome(stranger, "watermark") != "unavailable":
        raise DemoError("The watermark must be unreadable without the service.")
    out.print(Rule("3  strip the metadata, verify through the service"))
    stripped = folder / f"{made.video_id}.stripped.mp4"
    strip_metadata(made.file, stripped)
    with _api_key(opened) as key, _service(opened.paths.data) as url, out.status("examining the file"):
        answer = verify_remotely(url, stripped, key)
    print_verdict(out, answer, spoken)
    _expect(
        answer,
        {"watermark": "own_mark_resolved", "fingerprint": "fingerprint_match"},
        "the service's verification",
    )
    if _outcome(answer, "c2pa") != "not_detected":
        raise DemoError("The stripped file still carries credentials.")
    out.print(Rule("done"))
    out.print(f"file      {made.file}\nproof     {made.proof} (leaf {made.log_index})", markup=False)
    out.print(
        f"stripped  {stripped}\nanchor    {public['anchor']}\nlog key   {public['log_key']}", markup=False
    )


def _make(opened: Installation, prompt: str, folder: Path) -> Made:
    out.print(f"prompt    {prompt}", markup=False)
    try:
        video = submit(opened, prompt, seconds=SECONDS, size=SIZE)
    except RefusedError as error:
        decision = error.decision
        out.print(f"decision  block, {decision.reason}: {decision.user_text[language('')]}", markup=False)
        raise DemoError(
            f"The policy blocked the prompt; the decision is logged as {error.decision_id}."
        ) from None
    if video.hold is not None:
        out.print(f"decision  review, {_reason(opened, video)}", markup=False)
        raise DemoError(f"The policy holds video {video.id} for review: .venv/bin/guard review list")
    policy = opened.services.judge.policy
    out.print(f"decision  allow, policy {policy.id}@{policy.version}", markup=False)
    return finish(opened, video.id, folder)


def _reason(opened: Installation, video: Video) -> str:
    with opened.services.database.read() as session:
        return get_decision(session, video.decision_id or "").reason


def _public_things(opened: Installation, folder: Path) -> dict[str, Path]:
    """What the service publishes for strangers: the CA anchor and the log's key."""
    from guard import credentials

    paths = {"anchor": folder / "ca.pem", "log_key": folder / "log.pub"}
    shutil.copyfile(credentials.initialise(opened.paths.signing).anchor, paths["anchor"])
    paths["log_key"].write_text(f"{opened.services.log.public_key}\n", "utf-8")
    return paths


@contextmanager
def _api_key(opened: Installation) -> Iterator[str]:
    """A key for as long as it is needed."""
    tenant_id = default_tenant(opened)
    _revoke_keys(opened, tenant_id)  # of a demonstration that was killed
    with opened.services.database.write() as session:
        _, secret = tenants.create_api_key(
            session, tenant_id, name=DEMONSTRATION, scopes=("verifications",), now=utc_now()
        )
    try:
        yield secret
    finally:
        _revoke_keys(opened, tenant_id)


def _revoke_keys(opened: Installation, tenant_id: str) -> None:
    with opened.services.database.write() as session:
        for row in tenants.list_api_keys(session, tenant_id):
            if row.name == DEMONSTRATION and row.revoked_at is None:
                tenants.revoke_api_key(session, row.id, now=utc_now())


def _as_stranger(made: Made, public: dict[str, Path]) -> dict[str, Any]:
    """`guard verify --offline` in a new process, in a folder that holds the public things alone."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        for path in (made.file, made.proof, public["anchor"], public["log_key"]):
            shutil.copyfile(path, empty / path.name)
        command = [sys.executable, "-m", "guard", "verify", made.file.name, "--offline", "--json"]
        command += ["--anchor", "ca.pem", "--log-key", "log.pub", "--proof", made.proof.name]
        done = subprocess.run(
            command, cwd=empty, env=_environment(), capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise DemoError(f"The stranger could not verify: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def _service(data: Path) -> Iterator[str]:
    """The real service in a new process, on a free port of the loopback address; stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "guard", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-first-key"]  # nobody would see it
    environment = {**_environment(), "GUARD_DATA": str(data)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        with out.status("starting the service"):
            _wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise DemoError("The service ended while it was starting; run `guard serve` to see why.")
        try:
            if httpx.get(f"{url}/healthz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    raise DemoError(f"The service did not answer within {START_SECONDS:.0f} seconds.")


def _expect(answer: dict[str, Any], claims: dict[str, str], who: str) -> None:
    found = {item["type"]: item.get("claim") for item in answer["evidence"]}
    for kind, claim in claims.items():
        if found.get(kind) != claim:
            raise DemoError(f"In {who}, {kind} says {found.get(kind)}, not {claim}.")
    if answer["verdict"] != "generated_here":
        raise DemoError(f"The verdict of {who} is {answer['verdict']}, not generated_here.")


def _outcome(answer: dict[str, Any], kind: str) -> str | None:
    return next((item["outcome"] for item in answer["evidence"] if item["type"] == kind), None)


def _environment() -> dict[str, str]:
    """This environment without what would point a child at this installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUARD_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


if __name__ == "__main__":
    main()
