"""Whether a video begins from a picture."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "videos", sa.Column("has_reference", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
