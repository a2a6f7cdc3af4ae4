"""duties"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recorded_bundles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("version_digest", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("outbound_license", sa.String(), nullable=False),
        sa.Column("distributed", sa.Boolean(), nullable=False),
        sa.Column("obligations_digest", sa.String(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("complete", sa.JSON(), nullable=False),
        sa.Column("recorder", sa.String(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("recorded_bundles", schema=None) as batch_op:
        batch_op.create_index("ix_recorded_bundles_version_context", ["version_id", "context"], unique=False)

    op.create_table(
        "attestations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("version_digest", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("evidence_sha256", sa.String(), nullable=False),
        sa.Column("attester", sa.String(), nullable=False),
        sa.Column("self_administered", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("revoke_time", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uid"),
    )
    with op.batch_alter_table("attestations", schema=None) as batch_op:
        batch_op.create_index("ix_attestations_version_context", ["version_id", "context"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("attestations", schema=None) as batch_op:
        batch_op.drop_index("ix_attestations_version_context")

    op.drop_table("attestations")
    with op.batch_alter_table("recorded_bundles", schema=None) as batch_op:
        batch_op.drop_index("ix_recorded_bundles_version_context")

    op.drop_table("recorded_bundles")
