"""Material under the minors rule: sealed at once, told to the operator's hook, restored only where the rule was wrong.

The hook is the operator's way to the reports that the law requires (in the United States 18 USC 2258A, in Germany the
Federal Criminal Police Office's reporting). It is told ids alone; what they stand for is looked up here, by the people
who may.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from guard.pipeline.errors import PipelineError
from guard.pipeline.jobs import utc_now
from guard.pipeline.workfolder import WorkFolder
from guard.services import Services
from guard.store import Seal
from guard.store import decisions as decision_rows
from guard.store import seals as seal_rows
from policies import Decision

_log = structlog.get_logger(__name__)


def seal(
    services: Services,
    session: Session,
    *,
    tenant_id: str,
    decision_id: str,
    stage: str,
    video_id: str | None = None,
    prompt_id: str | None = None,
    paths: Sequence[Path] = (),
) -> Seal:
    """Seal what a decision is about, in the caller's transaction; the caller removes the plain files after it."""
    made = seal_rows.add_seal(
        session,
        services.sealed,
        tenant_id=tenant_id,
        decision_id=decision_id,
        stage=stage,
        video_id=video_id,
        prompt_id=prompt_id,
        paths=paths,
        now=utc_now(),
    )
    _log.info("sealed", seal_id=made.id, decision_id=decision_id, video_id=video_id, stage=stage)
    return made


def seal_upload(
    services: Services, *, tenant_id: str, decision: Decision, text: str, paths: Sequence[Path]
) -> str:
    """Write down a decision on pictures that no job belongs to, and seal them with the text that came along.

    Args:
        services: of this installation.
        tenant_id: whose request it was.
        decision: that falls under the minors rule.
        text: beside the pictures; empty if there was none.
        paths: the pictures, of different names; the caller removes them.

    Returns:
        The decision's id.

    Raises:
        StoreError: ``database_unavailable``; nothing was sealed.
    """
    now = utc_now()
    shown = decision.model_copy(update={"stage": "input"})
    with services.database.write() as session:
        prompt = services.vault.put(session, tenant_id, text, now=now) if text else None
        row = decision_rows.record_decision(session, tenant_id, shown, now=now, prompt=prompt)
        seal(
            services,
            session,
            tenant_id=tenant_id,
            decision_id=row.id,
            stage=shown.stage,
            prompt_id=row.prompt_id,
            paths=paths,
        )
        return row.id


def media_of(folder: WorkFolder) -> list[Path]:
    """The files of a job that show something."""
    made = (folder.reference, folder.fitted, folder.raw, folder.marked, folder.signed)
    return [path for path in made if path.is_file()]


def remove(paths: Sequence[Path]) -> None:
    """Remove plain files whose encrypted copies are on disk."""
    for path in paths:
        path.unlink(missing_ok=True)


def hide(services: Services, video_id: str) -> None:
    """Remove a held job's plain files if what it shows is under seal."""
    with services.database.read() as session:
        in_force = any(found.lifted_at is None for found in seal_rows.seals_of(session, video_id))
    if in_force:
        remove(media_of(WorkFolder(services.work / video_id)))


def restore(services: Services, video_id: str) -> list[Seal]:
    """Put a video's sealed files back into its work folder, for a request that may go on.

    Returns:
        The seals that are to be lifted when it does.

    Raises:
        StoreError: ``sealed_unreadable``.
    """
    with services.database.read() as session:
        in_force = [found for found in seal_rows.seals_of(session, video_id) if found.lifted_at is None]
    for found in in_force:
        if found.material:
            services.sealed.restore(found, services.work / video_id)
    return in_force


def lift(services: Services, session: Session, seals: Sequence[Seal]) -> None:
    """The rule was wrong; in the transaction of the approval."""
    for found in seals:
        seal_rows.lift_seal(session, found.id, now=utc_now())
        services.sealed.remove(found.id)


def destroy(services: Services, seal_id: str) -> Seal:
    """End the keeping of what is sealed: its key and files go, and its prompt may be erased.

    Raises:
        StoreError: ``not_found``.
    """
    with services.database.write() as session:
        found = seal_rows.destroy_seal(session, seal_id, now=utc_now())
        if found.prompt_id is not None and not seal_rows.keeps_prompt(session, found.prompt_id):
            services.vault.erase(session, found.prompt_id, now=utc_now())
    services.sealed.remove(seal_id)
    return found


def ids_of(found: Seal) -> dict[str, Any]:
    """What the hook is told."""
    return {
        "seal": found.id,
        "decision": found.decision_id,
        "video": found.video_id,
        "tenant": found.tenant_id,
        "stage": found.stage,
        "created": found.created.isoformat(),
    }


def unseal(services: Services, seal_id: str, folder: Path) -> list[Path]:
    """Decrypt what is under a seal into a new folder, the prompt as ``prompt.txt``; the seal stays.

    Raises:
        PipelineError: ``folder_exists``.
        StoreError: ``not_found``, ``sealed_unreadable``, ``prompt_erased``.
    """
    with services.database.read() as session:
        found = seal_rows.get_seal(session, seal_id)
        prompt = None if found.prompt_id is None else services.vault.read(session, found.prompt_id)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise PipelineError("folder_exists", f"{folder} exists; name a new folder.") from None
    if found.material:
        services.sealed.restore(found, folder)
    if prompt is not None:
        text = folder / "prompt.txt"
        text.touch(mode=0o600)
        text.write_text(prompt, "utf-8")
    _log.warning("seal_opened", seal_id=seal_id)
    return sorted(folder.iterdir())


def tell(services: Services, *, at_once: bool = False) -> tuple[int, int]:
    """Tell the hook of seals that it does not know of.

    Args:
        services: of this installation.
        at_once: those too whose next try is for later.

    Returns:
        How many it took, and how many it did not.
    """
    if not services.hook.there:
        return 0, 0
    with services.database.read() as session:
        waiting = seal_rows.untold(session, now=None if at_once else utc_now())
    taken = 0
    for found in waiting:
        success = services.hook.tell(ids_of(found))
        with services.database.write() as session:
            seal_rows.told(session, found.id, success=success, now=utc_now())
        taken += success
        if not success:
            _log.warning("seal_untold", seal_id=found.id)
    return taken, len(waiting) - taken
