"""Who examined what a decision was made on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; of earlier decisions nothing is known."""
    op.add_column("decisions", sa.Column("evidence", sa.JSON(), server_default="[]", nullable=False))
