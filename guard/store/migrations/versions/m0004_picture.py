"""What kind of file a job makes: a clip, or a picture in one of several formats."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; every job so far made a clip."""
    op.add_column("videos", sa.Column("format", sa.String(length=8), server_default="mp4", nullable=False))
    op.add_column("videos", sa.Column("compression", sa.Integer(), nullable=True))
