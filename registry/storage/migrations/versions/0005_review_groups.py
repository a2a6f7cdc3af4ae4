"""who is to decide a review, and what it shares with others"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEX = "ix_reviews_namespace_group"


def upgrade() -> None:
    # Reviews from before belong to no group: the path of their reason was not kept.
    for name in ("clause", "group_key", "assignee"):
        kind = sa.Text() if name == "clause" else sa.String()
        op.add_column("reviews", sa.Column(name, kind, nullable=False, server_default=""))
    op.add_column("reviews", sa.Column("path", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index(_INDEX, "reviews", ["namespace", "group_key"])


def downgrade() -> None:
    op.drop_index(_INDEX, "reviews")
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        for name in ("path", "assignee", "group_key", "clause"):
            batch_op.drop_column(name)
