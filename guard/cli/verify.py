"""`guard verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from guard.cli.common import (
    FELL_SHORT,
    JsonFlag,
    LangOption,
    installation,
    language,
    log_key_text,
    out,
    read_text,
    show_json,
)
from guard.cli.verdicts import print_verdict

FileArgument = Annotated[Path, typer.Argument(help="Video or picture.", exists=True, dir_okay=False)]


def verify(
    file: FileArgument,
    offline: Annotated[
        bool,
        typer.Option("--offline", metavar="", help="As a stranger: without data folder, service or network."),
    ] = False,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(
            help="Public CA certificate(s) to trust, PEM. With --offline.", exists=True, dir_okay=False
        ),
    ] = None,
    tsa_anchor: Annotated[
        list[Path] | None,
        typer.Option(
            help="CA certificate(s) of time-stamp authorities to trust, PEM. With --offline.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option(help="The file's .tlog-proof. With --offline.", exists=True, dir_okay=False),
    ] = None,
    log_key: Annotated[
        str, typer.Option(help="The log's public key, or a file that holds it. With --offline.")
    ] = "",
    url: Annotated[str, typer.Option(help="Ask this service instead of the local installation.")] = "",
    api_key: Annotated[
        str,
        typer.Option(envvar="GUARD_API_KEY", help="API key for --url; without one, the answer is coarse."),
    ] = "",
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Say what is known of a file: the verdict, its basis, and its limits.

    Exit code 0 if a verdict was reached, whatever it is; 1 if the file cannot be examined or a given proof does not
    hold.

    Examples: `guard verify clip.mp4`,
    `guard verify clip.mp4 --offline --anchor ca.pem --log-key log.pub --proof clip.tlog-proof`
    """
    if url and not url.startswith(("http://", "https://")):
        raise typer.BadParameter("begin with http:// or https://", param_hint="--url")
    if offline and url:
        raise typer.BadParameter("--offline asks no service: leave out one of the two", param_hint="--url")
    public = {"--anchor": anchor, "--tsa-anchor": tsa_anchor, "--proof": proof, "--log-key": log_key}
    if not offline and (given := [name for name, value in public.items() if value]):
        raise typer.BadParameter("only --offline looks at it: add that", param_hint=" / ".join(given))
    if offline:
        answer = _offline(file, anchor or [], tsa_anchor or [], proof, log_key)
    elif url:
        from guard.cli.remote import verify_remotely

        answer = verify_remotely(url, file, api_key)
    else:
        answer = _local(file)
    if as_json:
        show_json(answer)
    else:
        print_verdict(out, answer, language(lang))
    if proof is not None and not _holds(answer):
        raise typer.Exit(FELL_SHORT)


def _holds(answer: dict[str, Any]) -> bool:
    """Whether the proof was found to hold; whatever else came of it, it was not."""
    from guard.offline import LogProof

    return any(
        item["detector"] == LogProof.id and item["outcome"] == "detected" for item in answer["evidence"]
    )


def _local(file: Path) -> dict[str, Any]:
    from guard.verification import verify as examine_file

    with installation() as opened:
        found = examine_file(opened.services.inspector, opened.services.registry, file.absolute())
    return found.verdict.model_dump(mode="json")


def _offline(
    file: Path, anchors: list[Path], clocks: list[Path], proof: Path | None, log_key: str
) -> dict[str, Any]:
    from guard.credentials import Trust
    from guard.installation import stranger
    from guard.ledger import VerifyKey
    from guard.offline import LogProof, verify_offline

    if (proof is None) != (not log_key):
        raise typer.BadParameter("a proof needs the log's public key, and the key needs a proof: give both")
    shown = None
    if proof is not None:
        shown = LogProof(read_text(proof), VerifyKey.parse(log_key_text(log_key)))
    trust = Trust.from_files(anchors) + Trust.from_files(clocks, kind="tsa")
    verdict, _ = verify_offline(stranger(trust), file.absolute(), shown)
    return verdict.model_dump(mode="json")
