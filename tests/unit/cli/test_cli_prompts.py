"""`guard prompts`: refused requests leave a prompt behind, until somebody destroys it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from guard.installation import Paths
from guard.pipeline.jobs import utc_now
from guard.store import Database, StoreError, Vault, get_decision, get_review
from guard.store.models import Prompt
from tests.log import salt_of
from tests.policy import BLOCKED_WORD
from tests.unit.cli.conftest import Prepared


class Kept:
    """What the installation keeps of prompts."""

    def __init__(self, prepared: Prepared) -> None:
        self.database = Database(f"sqlite:///{prepared.data / 'guard.db'}")
        self._vault = Vault(bytes.fromhex((Paths(prepared.data).keys / "prompts.key").read_text()))

    def prompt(self, decision_id: str) -> str:
        """The prompt of a decision, or the code of why it cannot be read."""
        with self.database.read() as session:
            try:
                return self._vault.read(session, get_decision(session, decision_id).prompt_id or "")
            except StoreError as error:
                return error.code

    def salt(self, decision_id: str) -> bytes | None:
        with self.database.read() as session:
            return salt_of(session, get_decision(session, decision_id).prompt_id or "") or None

    def ciphertext(self, decision_id: str) -> bytes:
        with self.database.read() as session:
            prompt = session.get_one(Prompt, get_decision(session, decision_id).prompt_id)
            return prompt.ciphertext


def refused(here: Any, number: int) -> str:
    """Have a request blocked; its decision."""
    ran = here(
        "generate", f"a {BLOCKED_WORD} with {number} wings", "--size", "640x360", "--seconds", "2", "--json"
    )
    assert ran.code == 1
    decision_id: str = ran.json["decision_id"]
    return decision_id


def test_the_prompt_of_a_refused_request_is_erased_by_its_decision(here: Any, prepared: Prepared) -> None:
    kept = Kept(prepared)
    first, second = refused(here, 1), refused(here, 2)
    secret = kept.ciphertext(first)
    assert kept.prompt(first) == f"a {BLOCKED_WORD} with 1 wings"
    assert kept.salt(first) is not None
    assert here("prompts", "erase", first, "--json").json == {"erased": [first]}
    assert (kept.prompt(first), kept.salt(first)) == ("prompt_erased", None)
    assert kept.prompt(second) == f"a {BLOCKED_WORD} with 2 wings"
    assert not any(secret in file.read_bytes() for file in prepared.data.glob("guard.db*"))
    assert here("prompts", "erase", first, second).out.count("erased") == 2  # again changes nothing
    assert here("audit", "verify").code == 0


def test_prompts_of_refused_requests_go_by_age_and_others_stay(
    here: Any, prepared: Prepared, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(prepared)
    here("prompts", "expire", "--days", "0")
    decision_id = refused(here, 3)
    assert here("prompts", "expire", "--days", "30", "--json").json == {"erased": 0}
    assert kept.prompt(decision_id) == f"a {BLOCKED_WORD} with 3 wings"
    later = utc_now() + timedelta(days=31)
    monkeypatch.setattr("guard.pipeline.jobs.utc_now", lambda: later)
    assert here("prompts", "expire", "--days", "30").out == "1 prompts erased\n"
    assert kept.prompt(decision_id) == "prompt_erased"
    assert here("prompts", "expire", "--days", "30").out == "0 prompts erased\n"
    assert here("review", "show", held, "--json").json["prompt"] is not None


def test_a_prompt_that_is_still_needed_and_one_that_is_not_there_are_errors(
    here: Any, prepared: Prepared, held: str
) -> None:
    with Kept(prepared).database.read() as session:
        decision_id = get_review(session, held).decision_id
    needed = here("prompts", "erase", decision_id)
    assert (needed.code, needed.err.split("]")[0]) == (1, "error [video_in_progress")
    unknown = here("prompts", "erase", "decision_none")
    assert (unknown.code, unknown.err.split("]")[0]) == (1, "error [not_found")
    assert here("review", "show", held, "--json").json["prompt"] is not None
