"""Transparency log: an RFC 6962 Merkle log in the database, with C2SP checkpoints, proofs and tiles."""

from guard.ledger.audit_database import Expected, verify_database
from guard.ledger.audit_export import verify_export
from guard.ledger.commitments import commit, commitment, destroy_salt
from guard.ledger.entries import (
    Action,
    DecisionEntry,
    Entry,
    KeyEntry,
    ManifestEntry,
    PolicyEntry,
    ReleaseEntry,
    ReviewEntry,
    RevocationEntry,
    Stage,
    from_leaf,
    timestamp,
    to_leaf,
)
from guard.ledger.errors import LedgerError
from guard.ledger.log import Log
from guard.ledger.notes import Checkpoint, LogKey, VerifyKey, open_checkpoint
from guard.ledger.proofs import Proof, Proven, verify_proof
from guard.ledger.report import Problem, Report
from guard.ledger.tables import metadata, trigger_statements
from guard.ledger.tree import append, read_leaf, size_of

__all__ = [
    "Action",
    "Checkpoint",
    "DecisionEntry",
    "Entry",
    "Expected",
    "KeyEntry",
    "LedgerError",
    "Log",
    "LogKey",
    "ManifestEntry",
    "PolicyEntry",
    "Problem",
    "Proof",
    "Proven",
    "ReleaseEntry",
    "Report",
    "ReviewEntry",
    "RevocationEntry",
    "Stage",
    "VerifyKey",
    "append",
    "commit",
    "commitment",
    "destroy_salt",
    "from_leaf",
    "metadata",
    "open_checkpoint",
    "read_leaf",
    "size_of",
    "timestamp",
    "to_leaf",
    "trigger_statements",
    "verify_database",
    "verify_export",
    "verify_proof",
]
