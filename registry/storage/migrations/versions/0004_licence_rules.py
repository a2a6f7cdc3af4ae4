"""versioned policies, revised licence profiles, last known verdicts and re-evaluations"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("creator", sa.String(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
    op.create_table(
        "license_profiles",
        sa.Column("license_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("creator", sa.String(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("license_id", "revision"),
    )
    op.create_table(
        "verdicts",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
        ),
        sa.PrimaryKeyConstraint("version_id", "context"),
    )
    reevaluations = op.create_table(
        "reevaluations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cause_sequence", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("reach", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("evaluated", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("reevaluations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reevaluations_state"), ["state"], unique=False)

    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_events_type"), ["type"], unique=False)

    op.add_column("channels", sa.Column("verdict", sa.String(), nullable=False, server_default=""))

    # What expired before now was never announced and will not be; versions that exist get their first verdicts.
    created = time.time_ns() // 1000
    settings = sa.table("settings", sa.column("key", sa.String()), sa.column("value", sa.String()))
    op.bulk_insert(settings, [{"key": "expiries_announced_until", "value": str(created)}])
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT 1 FROM versions WHERE state = 'ready' LIMIT 1")).first() is not None:
        epoch = connection.execute(sa.text("SELECT value FROM settings WHERE key = 'licence_epoch'")).scalar()
        first = {"epoch": int(epoch or 1), "reach": {"everything": True}, "create_time": created}
        progress = {"state": "queued", "phase": "deployed", "cursor": 0, "reached": 0, "evaluated": 0, "changed": 0}
        op.bulk_insert(reevaluations, [first | progress])


def downgrade() -> None:
    op.execute("DELETE FROM settings WHERE key IN ('expiries_announced_until', 'reevaluation_lease')")

    # Not in a batch: that makes the table anew, which SQLite refuses while promotions refer to it.
    op.drop_column("channels", "verdict")

    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_events_type"))

    with op.batch_alter_table("reevaluations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reevaluations_state"))

    op.drop_table("reevaluations")
    op.drop_table("verdicts")
    op.drop_table("license_profiles")
    op.drop_table("policies")
