"""Orders of lists, and pages within them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry.listing.ordering import Sort, read_order
from registry.listing.paging import Pages
from spiritsafe.errors import InvalidArgument
from spiritsafe.rpc.caller import Caller, set_caller

TABLE = sa.table("rows", sa.column("id"), sa.column("color"), sa.column("size"))
ID = Sort("id", TABLE.c.id)
SORTS = {"color": Sort("color", TABLE.c.color), "size": Sort("size", TABLE.c.size)}
ROWS = st.lists(st.tuples(st.sampled_from(["red", "green", "Blue", ""]), st.integers(0, 3)), max_size=12)
ORDERS = st.permutations(["color", "size"]).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"{name} asc", f"{name} desc"]) for name in names))
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connected:
        connected.execute(sa.text("CREATE TABLE rows (id INTEGER PRIMARY KEY, color TEXT, size INTEGER)"))
        set_caller(Caller("ada@example.com"))
        yield connected
        set_caller(None)
    engine.dispose()


def as_asked(rows: list[tuple[str, int]], orders: tuple[str, ...]) -> list[int]:
    """The ids in order, by a stable sort for each key from the last to the first."""
    ids = list(range(1, len(rows) + 1))
    ids.sort(reverse=orders[-1].endswith("desc"))
    for order in reversed(orders):
        name, _, way = order.partition(" ")
        index = ["color", "size"].index(name)
        ids.sort(key=lambda id_, index=index: rows[id_ - 1][index], reverse=way == "desc")  # type: ignore[misc] # bound now
    return ids


@given(rows=ROWS, orders=ORDERS, size=st.integers(1, 5))
def test_pages_in_any_order_cover_everything_once(
    connection: sa.Connection, rows: list[tuple[str, int]], orders: tuple[str, ...], size: int
) -> None:
    connection.execute(sa.text("DELETE FROM rows"))
    for id_, (color, number) in enumerate(rows, 1):
        connection.execute(sa.insert(TABLE).values(id=id_, color=color, size=number))
    ordering = read_order(", ".join(orders), SORTS, [ID], ID)
    seen, token = [], ""
    while True:
        page = Pages(b"k").read(size, token, "List")
        found = connection.execute(ordering.page(sa.select(TABLE), page, page.size + 1)).all()
        kept, token = page.cut(found, ordering.key)
        seen += [row.id for row in kept]
        if not token:
            break
    assert seen == as_asked(rows, orders)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("weight", "cannot sort by 'weight'"),
        ("color down", "has no field"),
        ("color,", "has no field"),
        ("color desc asc", "has no field"),
        ("color, color desc", "names a field twice"),
    ],
)
def test_other_orders_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        read_order(text, SORTS, [ID], ID)
    assert caught.value.reason == "INVALID_ORDER"
    assert caught.value.violations[0].field == "order_by"
