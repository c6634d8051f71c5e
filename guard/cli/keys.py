"""`guard api-keys` and `guard keys`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from guard.cli.common import JsonFlag, err, filled, group, installation, out, show_json, show_table, when

api_keys_app = group("Keys of API clients.", example="guard api-keys create render-farm --scope videos")
keys_app = group("Signing keys of the Content Credentials, and watermark keys.", example="guard keys status")


@api_keys_app.command("create")
def create_api_key(
    name: Annotated[str, typer.Argument(help="What the key is for.", callback=filled)],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="videos, moderations, verifications, reviews, admin, sealed, fetch:manifests, store:manifests or"
            " store:bindings; may be given more than once."
            " Without it: videos, moderations, verifications.",
        ),
    ] = None,
    tenant: Annotated[
        str, typer.Option(help="Name of the tenant; made if it is new.", callback=filled)
    ] = "default",
    as_json: JsonFlag = False,
) -> None:
    """Make a key; it is shown this once.

    Example: `guard api-keys create render-farm --scope videos`
    """
    from guard.bootstrap import DEFAULT_SCOPES, SCOPES
    from guard.pipeline.jobs import utc_now
    from guard.store import tenants

    chosen = scope or list(DEFAULT_SCOPES)
    if unknown := set(chosen) - set(SCOPES):
        raise typer.BadParameter(
            f"unknown: {', '.join(sorted(unknown))}; use {', '.join(SCOPES)}", param_hint="--scope"
        )
    now = utc_now()
    with installation() as opened, opened.services.database.write() as session:
        owner = tenants.find_tenant(session, tenant) or tenants.create_tenant(session, tenant, now=now)
        row, secret = tenants.create_api_key(session, owner.id, name=name, scopes=chosen, now=now)
    if as_json:
        show_json({"id": row.id, "key": secret, "scopes": chosen, "tenant": tenant})
    else:
        out.print(f"{row.id}\n\n  {secret}\n\nKeep it: it is stored nowhere.", markup=False, highlight=False)


@api_keys_app.command("list")
def list_api_keys(as_json: JsonFlag = False) -> None:
    """Show keys, never their secrets.

    Example: `guard api-keys list`
    """
    from guard.store import tenants

    with installation() as opened, opened.services.database.read() as session:
        rows: list[dict[str, Any]] = [
            {
                "id": row.id,
                "name": row.name,
                "prefix": row.prefix,
                "scopes": row.scopes,
                "created": when(row.created),
                "last_used": None if row.last_used is None else when(row.last_used),
                "revoked": row.revoked_at is not None,
            }
            for row in tenants.list_api_keys(session)
        ]
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print("No keys yet: guard api-keys create NAME makes one.")
        return
    cells = [
        [row["id"], row["name"], row["prefix"], row["last_used"] or "never",
         "revoked" if row["revoked"] else "valid", " ".join(row["scopes"])]
        for row in rows
    ]  # fmt: skip
    show_table(["id", "name", "begins", "last used", "state", "scopes"], cells)


@api_keys_app.command("revoke")
def revoke_api_key(
    key_id: Annotated[str, typer.Argument(help="The key's id.")], as_json: JsonFlag = False
) -> None:
    """Make a key worthless.

    Example: `guard api-keys revoke key_01…`
    """
    from guard.pipeline.jobs import utc_now
    from guard.store import tenants

    with installation() as opened, opened.services.database.write() as session:
        tenants.revoke_api_key(session, key_id, now=utc_now())
    if as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        out.print(f"{key_id} revoked", markup=False)


@keys_app.command("status")
def status(as_json: JsonFlag = False) -> None:
    """Show the signing identity: whose it is, how long it lasts, whether it is for development only.

    Example: `guard keys status`
    """
    with installation() as opened:
        _show_status(opened.paths.signing, as_json)


@keys_app.command("init")
def init(as_json: JsonFlag = False) -> None:
    """Make a development authority and identity, if there is none.

    Example: `guard keys init`
    """
    with installation() as opened:
        _show_status(opened.paths.signing, as_json)


@keys_app.command("rotate")
def rotate(as_json: JsonFlag = False) -> None:
    """Issue a new development certificate; files signed with the old one stay valid.

    Example: `guard keys rotate`
    """
    from guard import credentials

    with installation() as opened:
        credentials.rotate(opened.paths.signing)
        opened.announce(policy=False)
        _show_status(opened.paths.signing, as_json)


@keys_app.command("rotate-mark")
def rotate_mark(
    retire_oldest: Annotated[
        bool,
        typer.Option("--retire-oldest", metavar="", help="Stop reading the oldest key, if there are three."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a new watermark key. It marks after the next start of `guard serve`; of the older ones, two still read.

    All keys share the decodings that a file is given, so three are read and no more. A mark made with an older key is
    not found any more: what it is on is then known by digest, credentials and fingerprint alone.

    Example: `guard keys rotate-mark`
    """
    from guard import keyfiles

    with installation() as opened:
        before = {key.id for key in opened.services.mark_keys}
        keys = [key.id for key in keyfiles.rotate_mark_key(opened.paths.keys, retire=retire_oldest)]
    retired = sorted(before - set(keys))
    if as_json:
        show_json({"marks": keys[0], "reads": keys, "retired": retired})
        return
    out.print(f"{keys[0]} marks from the next start on; read are {', '.join(keys)}", markup=False)
    for key in retired:
        out.print(f"{key} is not read any more", style="yellow", markup=False)


@keys_app.command("csr")
def csr(
    common_name: Annotated[
        str, typer.Option(help="Common name in the certificate, such as the product's.", callback=filled)
    ],
    organisation: Annotated[
        str,
        typer.Option(help="Organisation; verifiers show it as the issuer.", callback=filled),
    ],
    country: Annotated[str, typer.Option(help="Country, two letters.")] = "",
    algorithm: Annotated[
        str, typer.Option(help="Of the new key: ES256, ES384, ES512, PS256 or Ed25519.")
    ] = "ES256",
    key: Annotated[
        str,
        typer.Option(help="Use this key of a token or service, pkcs11:… or awskms:…, and make none here."),
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Make a key and print a certificate request for it, for the authority that is to certify it.

    The current key goes on signing until the certificate is imported.

    Examples: `guard keys csr --common-name "Studio video" --organisation "Studio GmbH" --country DE > request.pem`,
    `guard keys csr --common-name S --organisation S
    --key "pkcs11:token=guard;object=signer?module-path=/usr/lib/softhsm/libsofthsm2.so"`
    """
    from guard import credentials

    if algorithm not in get_args(credentials.Algorithm):
        raise typer.BadParameter(
            f"use one of {', '.join(get_args(credentials.Algorithm))}", param_hint="--algorithm"
        )
    with installation() as opened:
        made = credentials.request_certificate(
            opened.paths.signing,
            credentials.Subject(common_name, organisation, country),
            algorithm=cast("credentials.Algorithm", algorithm),
            key_uri=key,
        )
    if as_json:
        show_json({"id": made.id, "file": str(made.path), "request": made.pem})
    else:
        out.print(made.pem, end="", markup=False, highlight=False)
        err.print(f"Also in {made.path}. Then: guard keys import --chain CHAIN --anchor CA", markup=False)


@keys_app.command("import")
def import_keys(
    chain: Annotated[Path, typer.Option(help="PEM chain, leaf first.", exists=True, dir_okay=False)],
    key: Annotated[
        str,
        typer.Option(
            help="PEM private key, or pkcs11:… or awskms:… of one elsewhere; none after guard keys csr."
        ),
    ] = "",
    anchor: Annotated[
        Path | None,
        typer.Option(help="PEM of the authority that verifiers should trust.", exists=True, dir_okay=False),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="File with the password of an encrypted key.", exists=True, dir_okay=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign with the organisation's own certificate from now on; what was signed before stays valid.

    Examples: `guard keys import --chain chain.pem --key key.pem --anchor ca.pem`,
    `guard keys import --chain chain.pem --anchor ca.pem --key awskms:///alias/guard-signer`
    """
    from guard import credentials
    from guard.credentials.external import is_uri

    with installation() as opened:
        credentials.import_pem(
            opened.paths.signing,
            chain.read_bytes(),
            None if not key else key if is_uri(key) else Path(key).read_bytes(),
            anchor_pem=None if anchor is None else anchor.read_bytes(),
            password=None if password_file is None else password_file.read_bytes().strip(),
        )
        opened.announce(policy=False)
        _show_status(opened.paths.signing, as_json)


def _show_status(folder: Path, as_json: bool) -> None:
    from guard import credentials

    found = credentials.status(folder)
    values = {
        **asdict(found),
        "expires": when(found.expires),
        "anchor": str(credentials.initialise(folder).anchor),
    }
    if as_json:
        show_json(values)
        return
    out.print(f"{found.name} ({found.organisation}), {found.alg}", markup=False)
    out.print(f"expires {values['expires']} (in {found.days_left} days)", markup=False)
    if found.due:
        out.print("renew it now: guard keys rotate for development, guard keys csr for your own", style="red")
    if found.key:
        out.print(f"key: {found.key}", markup=False, highlight=False)
    for request in found.requests:
        out.print(f"waits for its certificate: request {request}", markup=False, highlight=False)
    out.print(f"anchor for those who verify: {values['anchor']}", markup=False, highlight=False)
    if found.development:
        out.print("for development only: bring your own with guard keys import", style="yellow")
    for problem in found.profile:
        out.print(f"profile: {problem}", style="yellow", markup=False)
