"""`guard tenants`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from guard.cli.common import JsonFlag, filled, group, installation, out, show_json, show_table

app = group("Tenants, and what each decides for its own files.", example="guard tenants list")

_MINING = ("allowed", "notAllowed", "unset", "default")


@app.command("list")
def list_tenants(as_json: JsonFlag = False) -> None:
    """Show the tenants and their settings.

    Example: `guard tenants list`
    """
    from guard.store import tenants

    with installation() as opened, opened.services.database.read() as session:
        rows: list[dict[str, Any]] = [
            {"id": row.id, "name": row.name, **tenants.tenant_settings(session, row.id).model_dump()}
            for row in tenants.list_tenants(session)
        ]
    if as_json:
        show_json(rows)
        return
    cells = [
        [
            row["name"],
            row["training_mining"] or "as the installation says",
            "yes" if row["prompt_in_manifest"] else "no",
            row["id"],
        ]
        for row in rows
    ]
    show_table(["name", "training and mining", "prompt in files", "id"], cells)


@app.command("set")
def set_tenant(
    name: Annotated[str, typer.Argument(help="Name of the tenant.", callback=filled)],
    training_mining: Annotated[
        str,
        typer.Option(
            help="May others train on its files: allowed, notAllowed, unset (say nothing), or default (as the"
            " installation says)."
        ),
    ] = "",
    prompt_in_manifest: Annotated[
        bool | None,
        typer.Option(
            "--prompt-in-manifest/--no-prompt-in-manifest",
            metavar="",
            help="Put the prompt into each file, where anyone can read it, or don't.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change what a tenant decides; it holds for what is signed from now on.

    Examples: `guard tenants set default --training-mining allowed`,
    `guard tenants set default --prompt-in-manifest`
    """
    from guard.store import tenants

    changes: dict[str, object] = {}
    if training_mining:
        if training_mining not in _MINING:
            raise typer.BadParameter(f"use one of {', '.join(_MINING)}", param_hint="--training-mining")
        changes["training_mining"] = None if training_mining == "default" else training_mining
    if prompt_in_manifest is not None:
        changes["prompt_in_manifest"] = prompt_in_manifest
    if not changes:
        raise typer.BadParameter("say what to change: --training-mining or --prompt-in-manifest")
    with installation() as opened, opened.services.database.write() as session:
        changed = tenants.change_tenant(session, name, **changes)
    if as_json:
        show_json({"name": name, **changed.model_dump()})
    else:
        mining = changed.training_mining or "as the installation says"
        told = "yes" if changed.prompt_in_manifest else "no"
        out.print(f"{name}: training and mining {mining}; prompt in files: {told}", markup=False)
