"""Whether the signature of a release has a time stamp that was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; of earlier releases it is not known."""
    op.add_column("releases", sa.Column("stamped", sa.Boolean(), nullable=True))
