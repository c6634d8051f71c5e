"""What an audit of the log reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from guard.ledger.errors import LedgerError
from guard.ledger.notes import Checkpoint, VerifyKey, open_checkpoint

_MAX_PROBLEMS = 100


@dataclass(frozen=True)
class Problem:
    """Something an audit found: a stable code and a sentence."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass
class Report:
    """Outcome of an audit.

    Attributes:
        origin: name of the log.
        size: leaves covered by the newest valid checkpoint.
        root: hex of that checkpoint's root, or None without one.
        replayed: leaves that were hashed again.
        checks: codes of the checks that were made and held.
        problems: what did not hold; at most 100 are kept.
        found: how many problems there were.
        pending: leaves after the newest checkpoint, which no signature covers yet.
    """

    origin: str
    size: int = 0
    root: str | None = None
    replayed: int = 0
    pending: int = 0
    checks: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    found: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.found

    def problem(self, code: str, message: str) -> None:
        """Note a problem."""
        self.found += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(code, message))

    def held(self, code: str, since: int) -> None:
        """Note that a check held if no problem came up since ``since`` were found."""
        if self.found == since:
            self.checks.append(code)


def read_checkpoint(report: Report, note: str, key: VerifyKey, what: str) -> Checkpoint | None:
    """Open a note, or put what is wrong with it into the report."""
    try:
        return open_checkpoint(note, key)
    except LedgerError as error:
        report.problem(error.code, f"{what}: {error}")
        return None
