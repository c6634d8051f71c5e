"""Decide again, under another policy, on the prompts that are on record. Nothing is written, and no text is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from guard.store import Database, StoreError, Vault
from guard.store import decisions as decision_rows
from policies import SEALED, Action, Context, Examiner, PromptError


@dataclass(frozen=True)
class Redecided:
    """One prompt under both policies.

    Attributes:
        decision_id: of the decision on record.
        before, after: actions; of a policy in shadow mode, what it would do if it were enforced.
        reason_before, reason_after: their codes.
        categories: that act under the new policy.
        sealed: whether the prompt is sealed, or would be: then it is shown to nobody.
        text: the prompt.
    """

    decision_id: str
    before: str
    after: str
    reason_before: str
    reason_after: str
    categories: tuple[str, ...]
    sealed: bool
    text: str

    @property
    def changed(self) -> bool:
        """Whether the new policy does something else; another reason for the same is no change."""
        return self.before != self.after


def replay(
    database: Database,
    vault: Vault,
    judge: Examiner,
    *,
    since: datetime,
    until: datetime | None = None,
    skipped: Counter[str],
) -> Iterator[Redecided]:
    """Decide again on each prompt, oldest first, under the circumstances that were recorded with it.

    Prompts under seal are shown to no further judge: those may be elsewhere.

    Args:
        database: of the installation.
        vault: that its prompts are encrypted under.
        judge: of the new policy, and the further judges to ask.
        since: the first moment.
        until: the first moment that is too late; now if None.
        skipped: counts, by the code of why, prompts that are erased or that the new policy refuses to read.

    Raises:
        StoreError: ``database_unavailable``.
    """
    after_id = None
    while True:
        with database.read() as session:
            page = decision_rows.prompt_decisions(session, since=since, until=until, after=after_id)
            texts = {}
            for row in page:
                try:
                    texts[row.id] = vault.read(session, row.prompt_id or "")
                except StoreError as error:
                    if error.code == "database_unavailable":
                        raise
                    skipped[error.code] += 1
        if not page:
            return
        after_id = page[-1].id
        for row in page:
            if row.id not in texts:
                continue
            try:
                sealed = not SEALED.isdisjoint(row.categories)
                decision = (judge.alone if sealed else judge).judge_text(
                    texts[row.id], context=Context.model_validate(row.details.get("context") or {})
                )
            except PromptError as error:
                skipped[error.code] += 1
                continue
            new = decision.shadow or decision
            old = row.details.get("shadow") or {"action": row.action, "reason": row.reason}
            yield Redecided(
                decision_id=row.id,
                before=old["action"],
                after=Action(new.action).value,
                reason_before=old["reason"],
                reason_after=new.reason,
                categories=new.categories,
                sealed=decision.sealed or sealed,
                text=texts[row.id],
            )
