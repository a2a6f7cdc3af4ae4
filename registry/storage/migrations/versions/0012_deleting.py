"""deleting"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("nodes", "versions")
DUE = sa.text("purge_time IS NOT NULL")


def upgrade() -> None:
    for table in TABLES:
        for column in ("delete_time", "purge_time"):
            op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
        op.create_index(f"ix_{table}_purge_time", table, ["purge_time"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("ix_requests_create_time", "requests", ["create_time"])


def downgrade() -> None:
    op.drop_index("ix_requests_create_time", table_name="requests")
    for table in TABLES:
        op.drop_index(f"ix_{table}_purge_time", table_name=table)
        # Not by copying the table, to which others refer.
        for column in ("purge_time", "delete_time"):
            op.drop_column(table, column)
