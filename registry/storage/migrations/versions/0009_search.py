"""search"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from registry.licensing.effective import effective
from registry.storage.search_terms import collection_term, license_term, tag_term

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BATCH = 1_000


def upgrade() -> None:
    for table, column, owner in (("node_terms", "node_id", "nodes"), ("version_terms", "version_id", "versions")):
        op.create_table(
            table,
            sa.Column("term", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column(column, sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint([column], [f"{owner}.id"]),
            sa.PrimaryKeyConstraint("term", column),
        )
        op.create_index(f"ix_{table}_{column.removesuffix('_id')}", table, [column], unique=False)
    op.create_index("ix_channels_version", "channels", ["version_id"], unique=False)
    settings = sa.table("settings", sa.column("key"), sa.column("value"))
    op.bulk_insert(settings, [{"key": "page_token_key", "value": secrets.token_hex(32)}])
    _index_nodes()
    _index_versions()


def _index_nodes() -> None:
    nodes = sa.table("nodes", sa.column("id"), sa.column("tags", sa.JSON()))
    terms = sa.table("node_terms", sa.column("term"), sa.column("node_id"))
    for batch in _batches(nodes):
        rows = [{"term": tag_term(key, value), "node_id": row.id} for row in batch for key, value in row.tags.items()]
        _insert(terms, rows)


def _index_versions() -> None:
    json = {name: sa.column(name, sa.JSON()) for name in ("tags", "declared", "detected", "concluded")}
    versions = sa.table(
        "versions", sa.column("id"), sa.column("node_id"), sa.column("imported", sa.Boolean()), *json.values()
    )
    nodes = sa.table("nodes", *(sa.column(name) for name in ("id", "namespace", "collection")))
    homes = {row.id: row for row in op.get_bind().execute(sa.select(nodes))}
    terms = sa.table("version_terms", sa.column("term"), sa.column("version_id"))
    for batch in _batches(versions):
        rows = []
        for row in batch:
            home = homes[row.node_id]
            found = {collection_term(home.collection), collection_term(home.collection, home.namespace)}
            found |= {tag_term(key, value) for key, value in row.tags.items()}
            licenses = effective(row.concluded, row.declared, row.detected, row.imported)
            found |= {license_term(each) for each in licenses}
            rows += [{"term": each, "version_id": row.id} for each in found]
        _insert(terms, rows)


def _batches(table: Any) -> Iterator[Sequence[Any]]:
    connection, last = op.get_bind(), 0
    while True:
        batch = connection.execute(sa.select(table).where(table.c.id > last).order_by(table.c.id).limit(_BATCH)).all()
        if not batch:
            return
        yield batch
        last = batch[-1].id


def _insert(table: Any, rows: list[dict[str, int]]) -> None:
    if rows:
        op.get_bind().execute(sa.insert(table), rows)


def downgrade() -> None:
    op.execute("DELETE FROM settings WHERE key = 'page_token_key'")
    op.drop_index("ix_channels_version", "channels")
    op.drop_table("version_terms")
    op.drop_table("node_terms")
