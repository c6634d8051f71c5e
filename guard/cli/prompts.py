"""`guard prompts`: what is kept of requests, and its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from guard.cli.common import JsonFlag, group, installation, out, show_json

app = group(
    "Prompts, which are kept encrypted until they are erased.", example="guard prompts expire --days 30"
)


@app.command("erase")
def erase(
    decision_ids: Annotated[
        list[str], typer.Argument(help="Ids of decisions; who is refused is told theirs.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Destroy the prompts that decisions are about, also of refused requests; the log keeps what was decided.

    Example: `guard prompts erase decision_01…`
    """
    from guard.pipeline import afterwards

    with installation() as opened:
        for decision_id in decision_ids:
            afterwards.erase_prompt(opened.services, decision_id)
    if as_json:
        show_json({"erased": decision_ids})
    else:
        for decision_id in decision_ids:
            out.print(f"prompt of {decision_id} erased", markup=False)


@app.command("expire")
def expire(
    days: Annotated[float, typer.Option(help="Age from which they go, in days.", min=0)],
    as_json: JsonFlag = False,
) -> None:
    """Destroy the prompts of all requests that were refused so long ago; those of videos go with their video.

    Example: `guard prompts expire --days 30`
    """
    from guard.pipeline import afterwards
    from guard.pipeline.jobs import utc_now

    with installation() as opened:
        count = afterwards.expire_prompts(opened.services, before=utc_now() - timedelta(days=days))
    if as_json:
        show_json({"erased": count})
    else:
        out.print(f"{count} prompts erased", markup=False)
