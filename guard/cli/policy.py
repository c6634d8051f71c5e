"""`guard policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, err, out, show_json

app = typer.Typer(help="Policy documents.", no_args_is_help=True)


@app.command("test")
def run_tests(
    file: Annotated[
        Path | None,
        typer.Argument(help="Policy document; the embedded one if not given.", exists=True, dir_okay=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Validate a policy document and run its own test cases. Exit code 1 if one fails.

    Example: `guard policy test my-policy.yaml`
    """
    from policies import Judge, run_cases

    judge = Judge.default(file)
    results = run_cases(judge.policy, judge)
    failed = [result for result in results if not result.passed]
    if as_json:
        show_json({"policy": judge.policy.id, "version": judge.policy.version, "digest": judge.policy.digest,
                   "cases": len(results), "failed": [result.id for result in failed]})  # fmt: skip
    else:
        for result in failed:
            err.print(
                f"failed: {result.id}: wanted {result.expected}, got {result.got} ({result.reason})",
                style="red",
                markup=False,
            )
        out.print(f"{judge.policy.id}@{judge.policy.version} {judge.policy.digest}", markup=False)
        out.print(f"{len(results) - len(failed)} of {len(results)} cases passed")
    if failed:
        raise typer.Exit(FELL_SHORT)
