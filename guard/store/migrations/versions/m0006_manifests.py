"""Manifests that tenants keep here, and the soft bindings that lead to them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "manifests",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ledger_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_manifests_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifests")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_manifests_ledger_index")),
    )
    op.create_index(op.f("ix_manifests_tenant_id"), "manifests", ["tenant_id"], unique=False)
    op.create_table(
        "bindings",
        sa.Column("value_digest", sa.String(length=80), nullable=False),
        sa.Column("manifest_id", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name=op.f("fk_bindings_manifest_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_bindings_tenant_id")),
        sa.PrimaryKeyConstraint("value_digest", "manifest_id", name=op.f("pk_bindings")),
    )
    op.create_index(op.f("ix_bindings_manifest_id"), "bindings", ["manifest_id"], unique=False)
    op.create_index(op.f("ix_bindings_tenant_id"), "bindings", ["tenant_id"], unique=False)
