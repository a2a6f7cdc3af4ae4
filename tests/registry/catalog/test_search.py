"""Finding versions and models: fields, orders, views, whose rows, and that a page never reads everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from registry.context import Registry
from registry.listing.fields import holds
from registry.listing.filters import And, Node, Or, Restriction
from registry.storage.search_terms import node_terms, version_terms
from registry.storage.tables import Node as NodeRow
from registry.storage.tables import NodeTerm, Version, VersionTerm
from spiritsafe.client import Client
from spiritsafe.errors import Aborted, InvalidArgument, NotFound
from spiritsafe.registry.v1 import audit_pb2, licensing_pb2, model_pb2, promotion_pb2, version_pb2
from tests.registry.catalog.publishing import NAMESPACE, declare, get, manifest, model, publish, sha256
from tests.registry.listing.test_filters import rendered

ALL_MODELS = f"{NAMESPACE}/models/-"
BASIC, FULL = version_pb2.VERSION_VIEW_BASIC, version_pb2.VERSION_VIEW_FULL


def short(name: str) -> str:
    return name.split("/", 3)[3].replace("/versions/", "@")


def found(client: Client, text: str = "", parent: str = ALL_MODELS, **options: Any) -> list[str]:
    request = version_pb2.ListVersionsRequest(parent=parent, filter=text, **options)
    return [short(one.name) for one in client.versions.ListVersions(request).versions]


def declared(*licenses: str) -> licensing_pb2.LicenseSet:
    return licensing_pb2.LicenseSet(ids=licenses)


def update(client: Client, name: str, mask: list[str] | None = None, **fields: Any) -> version_pb2.Version:
    request = version_pb2.UpdateVersionRequest(version=version_pb2.Version(name=name, **fields))
    request.update_mask.paths.extend(mask or ())
    return client.versions.UpdateVersion(request).version


@pytest.fixture
def shelf(client: Callable[..., Client], publisher: Client) -> Client:
    """Two models: the first with a finalized base and an adapter in a channel, the second with a draft."""
    m, n = model(publisher, "m", display_name="acme/M"), model(publisher, "n")
    publish(publisher, m, "base", imported=True, declared_licenses=declared("mit"), tags={"team": "a"})
    second = publish(
        publisher,
        m,
        files={"config.json": b"{}", "model.safetensors": b"weights"},
        declared_licenses=declared("apache-2.0"),
        description="Better at PARALLEL calls",
        tags={"team": "a", "run": "7", "a/b-c": "x"},
    )
    declare(publisher, n, manifest("quantized", stand_in=True, tags={"team": "b"}))
    request = promotion_pb2.PromoteVersionRequest(
        version=second.name, context=licensing_pb2.CONTEXT_INTERNAL, stage="production"
    )
    client("releaser", identity="rita").promotions.PromoteVersion(request)
    return publisher


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model = m", ["m@2", "m@1"]),
        ("model = m*", ["m@2", "m@1"]),
        ("display_name : ACME", ["m@2", "m@1"]),
        ("description : parallel", ["m@2"]),
        ("NOT description : parallel", ["n@1", "m@1"]),
        ("imported = true OR stand_in = true", ["n@1", "m@1"]),
        ("number > 1", ["m@2"]),
        ("number <= 1 AND model != n", ["m@1"]),
        ("creator = ada@example.com AND state = draft", ["n@1"]),
        ("create_time > 2020-01-01", ["n@1", "m@2", "m@1"]),
        ("create_time > 2100-01-01T00:00:00Z", []),
        ("finalize_time > 2020-01-01", ["m@2", "m@1"]),
        ("NOT finalize_time > 2020-01-01", ["n@1"]),
        ("tags.team = a", ["m@2", "m@1"]),
        ("tags.team = a AND tags.run = 7", ["m@2"]),
        ('tags.team = a AND tags.run = 7 AND tags."a/b-c" = x', ["m@2"]),
        ("tags.team = a AND tags.run != 7", ["m@1"]),
        ("tags:run", ["m@2"]),
        ("NOT tags:run", ["n@1", "m@1"]),
        ("tags.team = *", ["n@1", "m@2", "m@1"]),
        ("tags.run : 7", ["m@2"]),
        ("licenses = mit", ["m@1"]),
        ("licenses : apache-2.0 OR tags.team = b", ["n@1", "m@2"]),
        ("licenses != mit", ["n@1", "m@2"]),
        ("channel = internal/production", ["m@2"]),
        ("channel != internal/production", ["n@1", "m@1"]),
        ("channel = internal/staging", []),
        (f"files.sha256 = {sha256(b'weights')}", ["m@2"]),
        ("files.path = config.json AND kind = base", ["m@1"]),
        ("deployable.commercial != denied AND tags.team = a", ["m@2", "m@1"]),
        ("NOT deployable.commercial != denied", []),
        ("-(model = m)", ["n@1"]),
    ],
)
def test_every_field_finds_what_it_says(shelf: Client, text: str, expected: list[str]) -> None:
    assert found(shelf, text) == expected


def test_a_digest_finds_its_version(shelf: Client) -> None:
    digest = get(shelf, f"{NAMESPACE}/models/m/versions/1").digest
    assert found(shelf, f"digest = {digest}") == ["n@1", "m@1"]
    assert found(shelf, f"digest != {digest}") == ["m@2"]


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("", ["n@1", "m@2", "m@1"]),
        ("create_time", ["m@1", "m@2", "n@1"]),
        ("create_time desc", ["n@1", "m@2", "m@1"]),
        ("number desc, create_time", ["m@2", "m@1", "n@1"]),
    ],
)
def test_orders_hold_over_pages(shelf: Client, order_by: str, expected: list[str]) -> None:
    seen, token = [], ""
    while True:
        request = version_pb2.ListVersionsRequest(
            parent=ALL_MODELS, order_by=order_by, page_size=1, page_token=token, view=BASIC
        )
        response = shelf.versions.ListVersions(request)
        seen += [short(one.name) for one in response.versions]
        token = response.next_page_token
        if not token:
            break
    assert seen == expected


def test_a_token_serves_no_other_order_and_no_other_caller(client: Callable[..., Client], shelf: Client) -> None:
    request = version_pb2.ListVersionsRequest(parent=ALL_MODELS, page_size=1)
    token = shelf.versions.ListVersions(request).next_page_token
    assert found(shelf, page_token=token, page_size=5) == ["m@2", "m@1"]
    other = client("publisher", identity="eve@example.com")
    for reader, order_by in ((shelf, "create_time"), (other, "")):
        with pytest.raises(InvalidArgument) as caught:
            found(reader, page_token=token, order_by=order_by)
        assert caught.value.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("order_by", ["kind", "number down", "number, number desc"])
def test_other_orders_are_refused(shelf: Client, order_by: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        found(shelf, order_by=order_by)
    assert caught.value.violations[0].field == "order_by"


def test_the_basic_view_leaves_out_what_is_dear(shelf: Client) -> None:
    request = version_pb2.ListVersionsRequest(parent=f"{NAMESPACE}/models/m")
    whole = shelf.versions.ListVersions(request).versions
    assert list(whole) == [get(shelf, one.name) for one in whole]
    request.view = FULL
    assert shelf.versions.ListVersions(request).versions == whole
    request.view = BASIC
    for basic, full in zip(shelf.versions.ListVersions(request).versions, whole, strict=True):
        assert full.files
        assert full.deployable
        for field in ("files", "edges", "deployable"):
            full.ClearField(field)
        assert basic == full


def test_all_namespaces_are_those_that_the_caller_may_see(client: Callable[..., Client], shelf: Client) -> None:
    for namespace in ("lab", "shop"):
        request = model_pb2.CreateModelRequest(parent=f"namespaces/{namespace}", model_id="x", model=model_pb2.Model())
        declare(shelf, shelf.models.CreateModel(request).model.name, manifest(tags={"team": "a"}))
    everywhere = "namespaces/-/models/-"
    limited = client("reader", identity="lim@example.com", namespaces=("lab", "default"))
    assert found(shelf, "tags.team = a", everywhere) == ["x@1", "x@1", "m@2", "m@1"]
    assert found(limited, "tags.team = a", everywhere) == ["x@1", "m@2", "m@1"]
    models = limited.models.ListModels(model_pb2.ListModelsRequest(parent="namespaces/-", order_by="create_time desc"))
    assert [one.name for one in models.models] == [
        "namespaces/lab/models/x",
        f"{NAMESPACE}/models/n",
        f"{NAMESPACE}/models/m",
    ]


def test_a_list_of_an_absent_model_says_so(publisher: Client) -> None:
    with pytest.raises(NotFound):
        found(publisher, parent=f"{NAMESPACE}/models/absent")


def test_tags_and_description_change_and_nothing_else(shelf: Client, events: Callable[[], list[Any]]) -> None:
    name = f"{NAMESPACE}/models/m/versions/2"
    before = get(shelf, name)
    after = update(shelf, name, tags={"team": "z"})
    assert dict(after.tags) == {"team": "z"}
    assert after.description == before.description
    assert after.etag != before.etag
    assert (after.digest, after.files, after.state) == (before.digest, before.files, before.state)
    assert found(shelf, "tags.team = z") == ["m@2"]
    assert found(shelf, "tags.team = a") == ["m@1"]
    assert (events()[-1].type, events()[-1].details) == ("version.updated", {"fields": ["tags"]})
    cleared = update(shelf, name, ["*"])
    assert (cleared.description, dict(cleared.tags)) == ("", {})
    with pytest.raises(Aborted):
        update(shelf, name, ["tags"], etag=before.etag)
    with pytest.raises(InvalidArgument) as caught:
        update(shelf, name, ["kind"])
    assert caught.value.violations[0].field == "update_mask"


def test_terms_are_those_of_the_rows_after_every_change(shelf: Client, registry: Registry) -> None:
    update(shelf, f"{NAMESPACE}/models/m/versions/1", tags={"team": "q", "b": ""})
    shelf.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=f"{NAMESPACE}/models/n/versions/1"))
    changed = model_pb2.Model(name=f"{NAMESPACE}/models/m", tags={"kept": "1"})
    shelf.models.UpdateModel(model_pb2.UpdateModelRequest(model=changed))
    with registry.database.read() as session:
        held = {(row.version_id, row.term) for row in session.exec(select(VersionTerm))}
        assert held == {
            (row.id, term)
            for row in session.exec(select(Version))
            for term in version_terms(row, session.get_one(NodeRow, row.node_id))
        }
        nodes_held = {(row.node_id, row.term) for row in session.exec(select(NodeTerm))}
        assert nodes_held == {(row.id, term) for row in session.exec(select(NodeRow)) for term in node_terms(row)}
        assert nodes_held


def test_events_are_filtered_by_number_time_and_beginning(shelf: Client, client: Callable[..., Client]) -> None:
    auditor = client("admin", identity="root@example.com")

    def events(**options: Any) -> list[str]:
        request = audit_pb2.ListAuditEventsRequest(**options)
        return [event.type for event in auditor.audit.ListAuditEvents(request).events]

    written = events()
    assert events(order_by="sequence desc") == written[::-1]
    assert events(filter="sequence > 2") == written[2:]
    assert events(filter="type = version.*") == [each for each in written if each.startswith("version.")]
    assert events(filter="create_time < 2020-01-01") == []
    assert events(filter="type = version.created OR NOT actor = ada@example.com")[0] == written[0]


_TAGS = [{}, {"a": "1"}, {"a": "2", "b": "x y"}, {"b": "x"}, {"a": ""}, {"a": "1", "b": 'say "x"'}]
_KEYED = st.builds(
    Restriction,
    st.sampled_from(["tags.a", "tags.b", "description"]),
    st.sampled_from(["=", "!=", ":"]),
    st.sampled_from(["1", "2", "x", "x*", "*", "", 'say "x"', "X"]),
    st.just(0),
)
_NUMBERED = st.builds(
    Restriction,
    st.just("number"),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    st.integers(-1, 7).map(str),
    st.just(0),
)


def _joined(terms: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.builds(And, some) | st.builds(Or, some)


FILTERS: st.SearchStrategy[Node] = st.recursive(_KEYED | _NUMBERED, _joined, max_leaves=6)


def fulfils(restriction: Restriction, number: int) -> bool:
    """What a filter means, said without SQL."""
    operator, value = restriction.operator, restriction.value
    if restriction.field == "number":
        wanted = int(value)
        known = {"=": number == wanted, "<": number < wanted, ">": number > wanted}
        opposite = {"!=": "=", ">=": "<", "<=": ">"}
        return known[operator] if operator in known else not known[opposite[operator]]
    tags = _TAGS[number - 1]
    actual = f"number {number}" if restriction.field == "description" else tags.get(restriction.key)
    if operator == ":":
        return actual is not None and value.lower() in actual.lower()
    equal = (actual or "").startswith(value[:-1]) if value.endswith("*") else actual == value
    return equal == (operator == "=")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(filters=st.lists(FILTERS, min_size=10, max_size=10))
def test_the_database_means_what_the_grammar_says(publisher: Client, registry: Registry, filters: list[Node]) -> None:
    with registry.database.read() as session:
        made = session.exec(select(NodeRow)).first()
    if made is None:
        name = model(publisher, "m")
        for number, tags in enumerate(_TAGS, 1):
            declare(publisher, name, manifest(tags=tags, description=f"number {number}"))
    for filter_ in filters:
        expected = [
            number
            for number in range(len(_TAGS), 0, -1)
            if holds(filter_, lambda restriction, number=number: fulfils(restriction, number))  # type: ignore[misc] # bound now
        ]
        for parent in (f"{NAMESPACE}/models/m", ALL_MODELS):
            names = found(publisher, rendered(filter_), parent)
            assert [int(name.partition("@")[2]) for name in names] == expected, rendered(filter_)


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """The statements that run meanwhile, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("parent", "text", "order_by"),
    [
        (f"{NAMESPACE}/models/m", "", ""),
        (f"{NAMESPACE}/models/m", "kind = full", ""),
        (f"{NAMESPACE}/models/m", "tags.team = a", ""),
        (ALL_MODELS, "", ""),
        (ALL_MODELS, "tags.team = a", ""),
        (ALL_MODELS, "tags.team = a AND tags.run = 7 AND licenses = mit", ""),
        (ALL_MODELS, "channel = internal/production", ""),
    ],
)
def test_no_page_reads_or_sorts_everything(
    shelf: Client, registry: Registry, parent: str, text: str, order_by: str
) -> None:
    page_size = 1
    token = shelf.versions.ListVersions(
        version_pb2.ListVersionsRequest(parent=parent, filter=text, order_by=order_by, page_size=page_size)
    ).next_page_token
    with statements() as seen:
        found(shelf, text, parent, order_by=order_by, page_size=page_size, page_token=token, view=BASIC)
    listing = [(statement, parameters) for statement, parameters in seen if "versions" in statement]
    assert listing
    with registry.database.read() as session:
        driver: Any = session.connection().connection
        for statement, parameters in listing:
            plan = [row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()]
            assert "SCAN versions" not in plan, plan
            # The few that were found at once are looked up by id, and sorted.
            looked_up = "SEARCH versions USING INTEGER PRIMARY KEY (rowid=?)" in plan and "json_each" in statement
            assert looked_up or "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
