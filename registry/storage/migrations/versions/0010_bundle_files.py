"""bundle files"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BATCH_ROWS = 500


def upgrade() -> None:
    table = op.create_table(
        "bundle_files",
        sa.Column("bundle_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bundle_id"],
            ["recorded_bundles.id"],
        ),
        sa.PrimaryKeyConstraint("bundle_id", "sha256"),
    )
    op.create_index(op.f("ix_bundle_files_sha256"), "bundle_files", ["sha256"], unique=False)
    _carry_over(table)


def _carry_over(table: sa.Table) -> None:
    connection = op.get_bind()
    bundles = sa.table("recorded_bundles", sa.column("id", sa.Integer()), sa.column("files", sa.JSON()))
    last = 0
    while rows := connection.execute(
        sa.select(bundles.c.id, bundles.c.files).where(bundles.c.id > last).order_by(bundles.c.id).limit(BATCH_ROWS)
    ).all():
        found = {(bundle_id, file["sha256"]) for bundle_id, files in rows for file in files}
        if found:
            connection.execute(
                table.insert(), [{"bundle_id": bundle_id, "sha256": sha256} for bundle_id, sha256 in sorted(found)]
            )
        last = rows[-1][0]


def downgrade() -> None:
    op.drop_index(op.f("ix_bundle_files_sha256"), table_name="bundle_files")
    op.drop_table("bundle_files")
