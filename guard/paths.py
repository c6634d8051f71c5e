"""What lies where in the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Every path below one data folder."""

    data: Path

    @property
    def database(self) -> Path:
        """Where no database is configured."""
        return self.data / "guard.db"

    @property
    def pictures(self) -> Path:
        """The index of the releases' pictures; it can be made anew from the database."""
        return self.data / "pictures.index"

    @property
    def workflow(self) -> Path:
        """The workflow engine's own database, where none is configured."""
        return self.data / "workflow.db"

    @property
    def keys(self) -> Path:
        """Secrets; 0700."""
        return self.data / "keys"

    @property
    def signing(self) -> Path:
        """The signing identities."""
        return self.keys / "signing"

    @property
    def trust(self) -> Path:
        """Trust lists that were fetched."""
        return self.data / "trust"

    @property
    def log_key(self) -> Path:
        """The log's private key."""
        return self.keys / "log.key"

    @property
    def log_checkpoint(self) -> Path:
        """The log's last checkpoint, out of reach of whoever can write to the database alone."""
        return self.keys / "log.checkpoint"

    @property
    def prompts_key(self) -> Path:
        """The key that wraps the prompts' keys."""
        return self.keys / "prompts.key"

    @property
    def link_key(self) -> Path:
        """The key that signs links to pictures."""
        return self.keys / "links.key"

    @property
    def work(self) -> Path:
        """Jobs under way."""
        return self.data / "work"

    @property
    def sealed(self) -> Path:
        """Encrypted files of what is under seal; 0700."""
        return self.data / "sealed"

    @property
    def uploads(self) -> Path:
        """Uploads being examined."""
        return self.data / "uploads"

    @property
    def models(self) -> Path:
        """Weights that were fetched."""
        return self.data / "models"

    @property
    def lock(self) -> Path:
        """Held by the process that works."""
        return self.data / "worker.lock"
