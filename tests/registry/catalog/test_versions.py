"""The life of a version over real gRPC: declared, uploaded, finalized, listed, deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from registry.clock import now
from registry.context import Registry
from registry.home import open_home
from registry.licensing.exposures import NodeExposures
from registry.services.versions import VersionService
from registry.storage.tables import AuditEvent, Channel, Edge, File, Node, Promotion, Version
from registry.upkeep.purging import purge_some
from spiritsafe.client import Client
from spiritsafe.errors import (
    Aborted,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from spiritsafe.rpc.caller import Caller, set_caller
from tests.registry.catalog.publishing import (
    NAMESPACE,
    dataset,
    declare,
    edge,
    finalize,
    get,
    manifest,
    model,
    publish,
    sha256,
    upload,
)

Events = Callable[[], list[AuditEvent]]
READY, DRAFT = version_pb2.VERSION_STATE_READY, version_pb2.VERSION_STATE_DRAFT


def delete(client: Client, name: str, **options: Any) -> None:
    client.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=name, **options))


def listed(client: Client, parent: str, **options: Any) -> list[str]:
    response = client.versions.ListVersions(version_pb2.ListVersionsRequest(parent=parent, **options))
    return [one.name.removeprefix(f"{NAMESPACE}/models/").replace("/versions/", "@") for one in response.versions]


def test_a_draft_reads_back_as_declared(publisher: Client, events: Events) -> None:
    name = model(publisher, "m", display_name="acme/M")
    base = publish(publisher, name, "base", imported=True)
    given = manifest(
        "adapter",
        {"b.json": b"{}", "a.safetensors": b"weights"},
        [("adapter", base.name)],
        description="d",
        tags={"k": "v"},
        multimodal=True,
        base_family="fam",
        source=version_pb2.Source(hub_repo="a/b", revision="c0ffee"),
        lineage_completeness=version_pb2.LINEAGE_COMPLETENESS_PARTIAL,
        stand_in=True,
        declared_licenses=licensing_pb2.LicenseSet(ids=["mit", "no-such-licence", "mit"]),
    )
    draft = declare(publisher, name, given)
    assert draft.name == f"{name}/versions/2"
    assert (draft.state, draft.public_name, draft.creator, draft.etag) == (DRAFT, "acme/M", "ada@example.com", '"1"')
    assert [(file.path, file.uploaded) for file in draft.files] == [("a.safetensors", False), ("b.json", True)]
    assert list(draft.declared_licenses.ids) == ["mit", "no-such-licence"]
    for field in ("kind", "edges", "description", "tags", "multimodal", "source", "lineage_completeness", "stand_in"):
        assert getattr(draft, field) == getattr(given, field), field
    assert not draft.deployable
    assert not draft.HasField("finalize_time")
    assert get(publisher, draft.name) == draft
    assert events()[-1].type == "version.created"
    assert events()[-1].details["parents"] == [base.name]


def test_output_only_fields_are_ignored(publisher: Client) -> None:
    some = licensing_pb2.LicenseSet(ids=["mit"])
    given = manifest(
        name="namespaces/x/models/y/versions/9",
        uid="mine",
        state=READY,
        digest="0" * 64,
        concluded_licenses=some,
        detected_licenses=some,
        creator="eve",
    )
    draft = declare(publisher, model(publisher, "m"), given)
    assert draft.state == DRAFT
    assert draft.creator == "ada@example.com"
    assert draft.uid != "mine"
    assert draft.digest != "0" * 64
    assert not draft.HasField("concluded_licenses")
    assert not draft.HasField("detected_licenses")


def test_absent_and_empty_declarations_stay_apart(publisher: Client) -> None:
    name = model(publisher, "m")
    absent = publish(publisher, name, "base", imported=True)
    empty = publish(publisher, name, "base", imported=True, declared_licenses=licensing_pb2.LicenseSet())
    own = publish(publisher, name, "full")
    assert not absent.HasField("declared_licenses")
    assert empty.HasField("declared_licenses")
    assert not own.HasField("declared_licenses")
    lineage = publisher.versions.GetLineage(version_pb2.GetLineageRequest(name=absent.name))
    assert list(lineage.nodes[0].licenses) == ["unknown"]
    lineage = publisher.versions.GetLineage(version_pb2.GetLineageRequest(name=own.name))
    assert list(lineage.nodes[0].licenses) == []


def test_a_finalized_version_has_verdicts_and_is_immutable(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    draft = declare(publisher, name)
    upload(publisher, draft.name, "config.json", b"{}")
    ready = finalize(publisher, draft.name, etag=draft.etag)
    assert ready.state == READY
    assert len(ready.deployable) == 4
    assert ready.HasField("finalize_time")
    assert ready.etag == '"2"'
    assert get(publisher, draft.name) == ready
    assert [event.type for event in events()[-2:]] == ["version.created", "version.finalized"]
    other = publish(publisher, model(publisher, "other"))
    changes: list[Callable[[], object]] = [
        lambda: finalize(publisher, draft.name),
        lambda: publisher.versions.AddEdge(
            version_pb2.AddEdgeRequest(name=draft.name, edge=edge("finetune", other.name))
        ),
        lambda: upload(publisher, draft.name, "config.json", b"{}"),
    ]
    count = len(events())
    for change in changes:
        with pytest.raises(FailedPrecondition) as caught:
            change()
        assert caught.value.reason == "VERSION_IMMUTABLE"
    assert len(events()) == count
    assert get(publisher, draft.name) == ready


def test_finalizing_again_with_the_same_request_id_gives_the_same_answer(publisher: Client, events: Events) -> None:
    draft = declare(publisher, model(publisher, "m"))
    upload(publisher, draft.name, "config.json", b"{}")
    first = finalize(publisher, draft.name, request_id="6ba7")
    count = len(events())
    assert finalize(publisher, draft.name, request_id="6ba7") == first
    assert len(events()) == count
    delete(publisher, draft.name)
    assert finalize(publisher, draft.name, request_id="6ba7") == first


def test_creating_again_with_the_same_request_id_gives_the_same_version(publisher: Client) -> None:
    name = model(publisher, "m")
    assert declare(publisher, name, request_id="6ba7") == declare(publisher, name, request_id="6ba7")
    with pytest.raises(InvalidArgument) as caught:
        declare(publisher, name, manifest(description="other"), request_id="6ba7")
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert listed(publisher, name) == ["m@1"]


def test_validating_takes_no_number(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    count = len(events())
    assert declare(publisher, name, validate_only=True).name == f"{name}/versions/1"
    draft = declare(publisher, name)
    assert draft.name == f"{name}/versions/1"
    upload(publisher, draft.name, "config.json", b"{}")
    assert finalize(publisher, draft.name, validate_only=True).state == READY
    assert get(publisher, draft.name).state == DRAFT
    delete(publisher, draft.name, validate_only=True)
    assert get(publisher, draft.name) == get(publisher, draft.name)
    assert len(events()) == count + 1


def test_a_wrong_etag_stops_every_change(publisher: Client) -> None:
    name = model(publisher, "m")
    parent = publish(publisher, name)
    draft = declare(publisher, name)
    upload(publisher, draft.name, "config.json", b"{}")
    added = version_pb2.AddEdgeRequest(name=draft.name, edge=edge("finetune", parent.name), etag='"7"')
    for change in (
        lambda: finalize(publisher, draft.name, etag='"7"'),
        lambda: delete(publisher, draft.name, etag='"7"'),
        lambda: publisher.versions.AddEdge(added),
    ):
        with pytest.raises(Aborted) as caught:
            change()
        assert caught.value.reason == "ETAG_MISMATCH"
    assert get(publisher, draft.name).etag == draft.etag


def test_unfinished_uploads_stop_finalizing(publisher: Client) -> None:
    draft = declare(publisher, model(publisher, "m"), manifest(files={"a.json": b"1", "b.json": b"2"}))
    upload(publisher, draft.name, "a.json", b"1")
    with pytest.raises(FailedPrecondition, match=r"b\.json") as caught:
        finalize(publisher, draft.name)
    assert caught.value.reason == "FILES_MISSING"
    assert get(publisher, draft.name).state == DRAFT


def test_damaged_content_stops_finalizing(publisher: Client, home: Path) -> None:
    draft = declare(publisher, model(publisher, "m"))
    upload(publisher, draft.name, "config.json", b"{}")
    next(path for path in home.rglob(sha256(b"{}")) if path.is_file()).write_bytes(b"[]")
    with pytest.raises(DataLoss) as caught:
        finalize(publisher, draft.name)
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert get(publisher, draft.name).state == DRAFT


def test_a_manifest_cannot_give_stored_content_another_size(publisher: Client) -> None:
    name = model(publisher, "m")
    publish(publisher, name)
    given = manifest()
    given.files[0].size_bytes = 7
    draft = declare(publisher, name, given)
    with pytest.raises(DataLoss):
        upload(publisher, draft.name, "config.json", b"{}")
    with pytest.raises(FailedPrecondition) as caught:
        finalize(publisher, draft.name)
    assert caught.value.reason == "SIZE_MISMATCH"


def test_a_version_stands_on_finalized_parents_only(publisher: Client) -> None:
    name = model(publisher, "m")
    parent = declare(publisher, name)
    child = declare(publisher, name, manifest(edges=[("finetune", parent.name)]))
    upload(publisher, child.name, "config.json", b"{}")
    with pytest.raises(FailedPrecondition) as caught:
        finalize(publisher, child.name)
    assert caught.value.reason == "PARENT_NOT_READY"
    assert caught.value.metadata["resource"] == parent.name
    finalize(publisher, parent.name)
    assert finalize(publisher, child.name).state == READY


def test_an_adapter_needs_its_base(publisher: Client) -> None:
    name = model(publisher, "m")
    base = publish(publisher, name, "base", imported=True)
    draft = declare(publisher, name, manifest("adapter", {"a.json": b"{}"}))
    with pytest.raises(FailedPrecondition) as caught:
        finalize(publisher, draft.name)
    assert caught.value.reason == "ADAPTER_WITHOUT_BASE"
    publisher.versions.AddEdge(version_pb2.AddEdgeRequest(name=draft.name, edge=edge("adapter", base.name)))
    assert finalize(publisher, draft.name).state == READY


def test_exposures_and_families_are_inherited_at_finalize(publisher: Client, registry: Registry) -> None:
    name = model(publisher, "m")
    base = publish(publisher, name, "base", imported=True, base_family="llama3")
    tuned = publish(publisher, name, edges=[("finetune", base.name)])
    data = publish(publisher, dataset(publisher, "d"), "trajectories", edges=[("generated_by", tuned.name)])
    student = publish(publisher, name, edges=[("trained_on", data.name)])
    with registry.database.read() as session:
        rows = list(session.exec(select(Version).order_by(col(Version.id))))
    assert [row.weight_families for row in rows] == [["llama3"], ["llama3"], [], []]
    assert rows[3].exposures is not None
    found = NodeExposures.from_json(rows[3].exposures)
    assert {(one.origin, one.crossings.mark.value) for one in found} == {
        (str(rows[3].id), "none"),
        (str(rows[2].id), "none"),
        (str(rows[1].id), "output"),
        (str(rows[0].id), "output"),
    }
    lineage = publisher.versions.GetLineage(version_pb2.GetLineageRequest(name=student.name))
    assert [node.name for node in lineage.nodes] == [student.name, data.name, tuned.name, base.name]


@pytest.mark.parametrize(
    ("version", "reason", "field"),
    [
        (manifest(files={"../x.json": b""}), "UNSAFE_PATH", "version.files[0].path"),
        (manifest(files={"x.bin": b""}), "UNSAFE_FORMAT", "version.files[0].path"),
        (manifest(files={}), "NO_FILES", "version.files"),
        (manifest("prompts"), "INVALID_FIELD", "version.kind"),
        (manifest(""), "INVALID_FIELD", "version.kind"),
        (manifest(edges=[("finetune", "not a name")]), "INVALID_NAME", "version.edges[0].parent"),
        (manifest(tags={"bad key": "v"}), "INVALID_FIELD", "version.tags"),
        (
            manifest(declared_licenses=licensing_pb2.LicenseSet(ids=["mit", " "])),
            "INVALID_FIELD",
            "version.declared_licenses",
        ),
    ],
)
def test_bad_declarations_leave_nothing(
    publisher: Client, events: Events, version: version_pb2.Version, reason: str, field: str
) -> None:
    name = model(publisher, "m")
    count = len(events())
    with pytest.raises(InvalidArgument) as caught:
        declare(publisher, name, version)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, field)
    assert listed(publisher, name) == []
    assert len(events()) == count
    assert declare(publisher, name).name.endswith("/versions/1")


def test_an_imported_base_may_leave_its_bytes_elsewhere(publisher: Client) -> None:
    version = publish(publisher, model(publisher, "m"), "base", {}, imported=True)
    assert version.state == READY


def test_unknown_parents(publisher: Client) -> None:
    name = model(publisher, "m")
    with pytest.raises(NotFound):
        declare(publisher, f"{NAMESPACE}/models/none")
    with pytest.raises(NotFound) as caught:
        declare(publisher, name, manifest(edges=[("finetune", f"{name}/versions/9")]))
    assert caught.value.metadata["resource"] == f"{name}/versions/9"
    assert listed(publisher, name) == []


def test_a_parent_in_a_namespace_of_others_cannot_be_named(client: Callable[..., Client], publisher: Client) -> None:
    secret = publish(publisher, model(publisher, "m"))
    limited = client("publisher", identity="lim@example.com", namespaces=("lab",))
    with pytest.raises(PermissionDenied):
        declare(limited, "namespaces/default/models/m")
    with pytest.raises(PermissionDenied):
        get(limited, secret.name)
    with pytest.raises(PermissionDenied):
        listed(limited, f"{NAMESPACE}/models/-")


def test_drafts_are_purged_with_files_and_edges(publisher: Client, registry: Registry, events: Events) -> None:
    name = model(publisher, "m")
    base = publish(publisher, name, "base", imported=True)
    draft = declare(publisher, name, manifest(edges=[("finetune", base.name)]))
    delete(publisher, draft.name)
    assert events()[-1].type == "version.deleted"
    assert get(publisher, draft.name).HasField("delete_time")
    with registry.database.write() as session:
        assert purge_some(session, now() + 2 * registry.retention) == 1
        assert len(list(session.exec(select(File)))) == 1
        assert list(session.exec(select(Edge))) == []
    with pytest.raises(NotFound):
        get(publisher, draft.name)
    assert declare(publisher, name).name.endswith("/versions/3"), "a number is never given twice"


def test_what_others_rest_on_stays(publisher: Client, registry: Registry) -> None:
    name = model(publisher, "m")
    base = publish(publisher, name, "base", imported=True)
    child = declare(publisher, name, manifest(edges=[("finetune", base.name)]))
    with pytest.raises(FailedPrecondition) as caught:
        delete(publisher, base.name)
    assert caught.value.reason == "HAS_DESCENDANTS"
    delete(publisher, child.name)
    delete(publisher, base.name)
    assert listed(publisher, name) == []


def test_a_version_in_a_channel_or_in_history_stays(publisher: Client, registry: Registry) -> None:
    ready = publish(publisher, model(publisher, "m"))
    with registry.database.write() as session:
        version = session.exec(select(Version)).one()
        assert version.id is not None
        channel = Channel(
            node_id=version.node_id, context="research", stage="lab", version_id=version.id, update_time=now()
        )
        session.add(channel)
        session.flush()
        assert channel.id is not None
        attempt: dict[str, Any] = {
            "outbound_license": "",
            "public_name": "m",
            "state": "denied",
            "action": "promote",
            "actor": "x",
        }
        promotion = Promotion(channel_id=channel.id, number=1, version_id=version.id, create_time=now(), **attempt)
        session.add(promotion)
    with pytest.raises(FailedPrecondition) as caught:
        delete(publisher, ready.name)
    assert caught.value.reason == "IN_CHANNEL"
    with registry.database.write() as session:
        session.exec(select(Channel)).one().version_id = None
    with pytest.raises(FailedPrecondition) as caught:
        delete(publisher, ready.name)
    assert caught.value.reason == "HAS_HISTORY"
    with registry.database.write() as session:
        session.delete(session.exec(select(Promotion)).one())
    delete(publisher, ready.name)


def test_lists_are_newest_first_and_stable(publisher: Client) -> None:
    first, second = model(publisher, "a"), model(publisher, "b")
    for parent in (first, second, first, second, first):
        declare(publisher, parent)
    dataset(publisher, "d")
    request = version_pb2.ListVersionsRequest(parent=f"{NAMESPACE}/models/-", page_size=2)
    pages = []
    while True:
        response = publisher.versions.ListVersions(request)
        pages.append([one.name.split("/")[3] + one.name[-1] for one in response.versions])
        declare(publisher, second)
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    assert pages == [["a3", "b2"], ["a2", "b1"], ["a1"]]
    assert listed(publisher, first) == ["a@3", "a@2", "a@1"]
    assert listed(publisher, f"{NAMESPACE}/datasets/-") == []


def test_filters(publisher: Client) -> None:
    name = model(publisher, "m")
    publish(publisher, name, "base", imported=True, declared_licenses=licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"]))
    publish(publisher, name, declared_licenses=licensing_pb2.LicenseSet(ids=["mit"]), tags={"run": "7"})
    declare(publisher, name, manifest("quantized", stand_in=True))
    for text, expected in [
        ('kind = "base"', ["m@1"]),
        ('kind != "base" AND state = "ready"', ["m@2"]),
        ("stand_in = true", ["m@3"]),
        ("stand_in != true", ["m@2", "m@1"]),
        ('tags.run = "7"', ["m@2"]),
        ('tags.run != "7"', ["m@3", "m@1"]),
        ('deployable.commercial = "denied"', ["m@1"]),
        ('deployable.commercial != "denied"', ["m@2"]),
        ('deployable.commercial != "denied" AND kind = "base"', []),
        ('deployable.research != "denied" AND deployable.commercial = "denied"', ["m@1"]),
    ]:
        assert listed(publisher, name, filter=text) == expected, text


def test_verdict_filters_page_over_everything(publisher: Client) -> None:
    name = model(publisher, "m")
    for number in range(6):
        licence = "mit" if number % 3 else "cc-by-nc-4.0"
        publish(publisher, name, declared_licenses=licensing_pb2.LicenseSet(ids=[licence]))
    found, token = [], ""
    while True:
        request = version_pb2.ListVersionsRequest(
            parent=name, page_size=1, page_token=token, filter='deployable.commercial != "denied"'
        )
        response = publisher.versions.ListVersions(request)
        found += [one.name[-1] for one in response.versions]
        token = response.next_page_token
        if not token:
            break
    assert found == ["6", "5", "3", "2"]


@pytest.mark.parametrize(
    "text",
    [
        'kind = "lora"',
        'state = "done"',
        "stand_in = maybe",
        'deployable.production = "denied"',
        'deployable.commercial = "no"',
        'deployable = "denied"',
        'color = "x"',
        'deployable.commercial < "denied"',
        'deployable.commercial = "denied" OR kind = "base"',
        'NOT (deployable.commercial = "denied" AND number > 1)',
        'number = "one"',
        "number > 99999999999999999999",
        'create_time > "yesterday"',
        'create_time : "2026"',
        'channel = "production"',
        'channel = "wholesale/production"',
        'kind > "base"',
        'digest > "aa"',
        'tags < "a"',
        'tags.team > "a"',
    ],
)
def test_bad_filters_are_refused_rather_than_empty(publisher: Client, text: str) -> None:
    name = model(publisher, "m")
    with pytest.raises(InvalidArgument) as caught:
        listed(publisher, name, filter=text)
    assert caught.value.violations[0].field == "filter"


def test_a_page_token_belongs_to_its_parent_and_filter(publisher: Client) -> None:
    name, other = model(publisher, "m"), model(publisher, "other")
    for _ in range(2):
        declare(publisher, name)
    request = version_pb2.ListVersionsRequest(parent=name, page_size=1)
    token = publisher.versions.ListVersions(request).next_page_token
    assert listed(publisher, name, page_token=token) == ["m@1"]
    for options in ({"parent": other}, {"parent": name, "filter": "stand_in = true"}):
        with pytest.raises(InvalidArgument) as caught:
            listed(publisher, **options, page_token=token)
        assert caught.value.reason == "INVALID_PAGE_TOKEN"


def test_sixteen_threads_get_dense_numbers(publisher: Client, registry: Registry, events: Events) -> None:
    name = model(publisher, "m")
    with ThreadPoolExecutor(16) as pool:
        drafts = list(pool.map(lambda _: declare(publisher, name), range(48)))
    numbers = sorted(int(draft.name.rpartition("/")[2]) for draft in drafts)
    assert numbers == list(range(1, 49))
    assert sum(event.type == "version.created" for event in events()) == 48
    with registry.database.read() as session:
        assert session.exec(select(Node)).one().latest_version == 48


def test_several_processes_worth_of_connections_get_dense_numbers(home: Path, publisher: Client) -> None:
    """Each thread opens the home by itself, as commands do."""
    name = model(publisher, "m")
    barrier = threading.Barrier(16)

    def create(_: int) -> str:
        set_caller(Caller("ada@example.com"))
        own = open_home(home)
        barrier.wait()
        request = version_pb2.CreateVersionRequest(parent=name, version=manifest())
        try:
            return VersionService(own).CreateVersion(request, None).version.name  # type: ignore[arg-type] # unused
        finally:
            own.database.close()

    with ThreadPoolExecutor(16) as pool:
        names = list(pool.map(create, range(16)))
    assert sorted(int(one.rpartition("/")[2]) for one in names) == list(range(1, 17))
