"""Collecting garbage: what is named stays, whoever declares it and whenever; what nobody names goes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.artifacts import Blob
from registry.storage.collection import CLOCKS_MICROS, Collector, Tally, plan
from registry.storage.local_store import LocalStore
from registry.storage.s3.store import S3Store
from registry.storage.tables import AuditEvent
from registry.upkeep.purging import purge_some
from spiritsafe.client import Client
from spiritsafe.errors import InvalidArgument, PermissionDenied, SpiritsafeError, Unavailable
from spiritsafe.registry.v1 import store_pb2, version_pb2
from tests.registry.builders import Builder, Story
from tests.registry.catalog.publishing import declare, download, finalize, manifest, model, publish, upload
from tests.registry.serving import Served
from tests.s3.serving import Fault, LocalS3

LATE = 2**62
Collected = store_pb2.CollectGarbageResponse


@pytest.fixture(params=["folder", "bucket"])
def registry(registry: Registry, request: pytest.FixtureRequest) -> Registry:
    """The registry with either store."""
    if request.param == "folder":
        return registry
    return replace(registry, store=S3Store(request.getfixturevalue("bucket")))


@pytest.fixture
def publisher(client: Callable[..., Client]) -> Client:
    return client("publisher", identity="ada@example.com")


def put(registry: Registry, content: bytes) -> str:
    """Content that nobody names."""
    digest = hashlib.sha256(content).hexdigest()
    registry.store.put(digest, len(content), [content])
    return digest


def collect(client: Client, grace: int = 0, **fields: object) -> Collected:
    """``grace`` in seconds."""
    request = store_pb2.CollectGarbageRequest(**fields)  # type: ignore[arg-type] # fields of it
    request.grace.FromSeconds(grace)
    return client.store.CollectGarbage(request)


def events(registry: Registry) -> list[AuditEvent]:
    with registry.database.read() as session:
        return list(session.exec(select(AuditEvent).where(col(AuditEvent.type) == "store.collected")))


digests = st.integers(0, 30).map(lambda number: f"{number:064x}")
blobs = st.builds(Blob, digests, st.integers(0, 100), st.integers(0, 20))


@given(st.lists(blobs, unique_by=lambda blob: blob.sha256), st.sets(digests), st.integers(0, 20), st.integers(0, 20))
def test_only_old_content_without_a_name_is_garbage(
    found: list[Blob], named: set[str], since: int, before: int
) -> None:
    planned = plan(found, named, since, before)
    assert not {blob.sha256 for blob in planned.garbage} & named
    assert all(since <= blob.modified < before for blob in planned.garbage)
    kept = [blob for blob in found if blob not in planned.garbage]
    assert all(blob.sha256 in named or not since <= blob.modified < before for blob in kept)
    assert planned.young + planned.older == sum(blob.sha256 not in named for blob in kept)


def test_what_is_named_stays_and_the_rest_goes(server: Served, registry: Registry, publisher: Client) -> None:
    ready = publish(publisher, model(publisher, "m"), files={"config.json": b"ready"})
    draft = declare(publisher, model(publisher, "d"), manifest(files={"config.json": b"draft"}))
    upload(publisher, draft.name, "config.json", b"draft")
    deleted = declare(publisher, model(publisher, "x"), manifest(files={"config.json": b"deleted!"}))
    upload(publisher, deleted.name, "config.json", b"deleted!")
    publisher.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=deleted.name))
    put(registry, b"nobody's")
    trial = Collector(registry.database, registry.store, registry.created, LATE, dry_run=True)
    trial.collect(early := Tally(), "", 100)
    assert (early.collected, early.collected_bytes) == (1, 8), "what may be brought back stays"
    with registry.database.write() as session:
        assert purge_some(session, LATE) == 1
    trial.collect(tally := Tally(), "", 100)
    assert (tally.examined, tally.collected, tally.collected_bytes, tally.more) == (4, 2, 16, False)
    assert len(list(registry.store.blobs())) == 4, "a dry run removes nothing"
    Collector(registry.database, registry.store, registry.created, LATE).collect(again := Tally(), "", 100)
    assert (again.examined, again.collected, again.collected_bytes) == (4, 2, 16)
    assert {blob.size_bytes for blob in registry.store.blobs()} == {5}
    assert finalize(publisher, draft.name).state == version_pb2.VERSION_STATE_READY
    assert download(publisher, ready.name, "config.json") == b"ready"


def test_the_files_of_recorded_bundles_stay(
    server: Served, registry: Registry, client: Callable[..., Client], tmp_path: Path
) -> None:
    build = Builder(client("publisher", identity="ada"), tmp_path)
    base = build.model("base", "base", licenses=["apache-2.0"], imported=True)
    story = Story(client, build, {"qwen3": base})
    bundle = story.record_bundle(base, outbound="apache-2.0")
    assert bundle.files
    Collector(registry.database, registry.store, registry.created, LATE).collect(tally := Tally(), "", 100)
    assert tally.collected == 0
    assert all(registry.store.verify(file.sha256) for file in bundle.files)


def test_young_content_stays(registry: Registry) -> None:
    put(registry, b"just now")
    oldest = next(registry.store.blobs()).modified
    Collector(registry.database, registry.store, registry.created, oldest).collect(tally := Tally(), "", 100)
    assert (tally.collected, tally.young) == (0, 1)
    Collector(registry.database, registry.store, registry.created, oldest + 1).collect(tally := Tally(), "", 100)
    assert (tally.collected, tally.young) == (1, 0)


def test_what_is_older_than_the_records_is_not_theirs(registry: Registry) -> None:
    """A registry that begins anew, where the database of the old one was not found, removes nothing of it."""
    put(registry, b"of the registry before")
    latest = max(blob.modified for blob in registry.store.blobs())
    began = latest + CLOCKS_MICROS + 1
    Collector(registry.database, registry.store, began, LATE).collect(tally := Tally(), "", 100)
    assert (tally.collected, tally.young, tally.older) == (0, 0, 1)
    Collector(registry.database, registry.store, began - 1, LATE).collect(tally := Tally(), "", 100)
    assert (tally.collected, tally.young, tally.older) == (1, 0, 0)


def test_a_collection_is_paged_and_each_page_is_one_event(server: Served, registry: Registry) -> None:
    for number in range(7):
        put(registry, bytes([number]))
    pages, token = [], ""
    for _ in range(10):
        page = collect(server.admin, grace=3600, page_size=3, page_token=token)
        pages.append(page.examined_blobs)
        token = page.next_page_token
        if not token:
            break
    assert pages == [3, 3, 1]
    details = [event.details for event in events(registry)]
    assert [each["examined_blobs"] for each in details] == pages
    assert details[0]["grace_seconds"] == 3600


def test_a_repeated_request_does_nothing_twice(server: Served, registry: Registry) -> None:
    request_id = "00000000-0000-4000-8000-000000000001"
    put(registry, b"one")
    first = collect(server.admin, grace=3600, request_id=request_id)
    put(registry, b"two")
    assert collect(server.admin, grace=3600, request_id=request_id) == first
    assert len(events(registry)) == 1
    assert collect(server.admin, validate_only=True).examined_blobs == 2
    assert len(events(registry)) == 1


def test_who_may_collect(client: Callable[..., Client]) -> None:
    for roles in ("publisher", "reader", "reviewer", "releaser"):
        with pytest.raises(PermissionDenied):
            collect(client(roles))
    with pytest.raises(PermissionDenied) as caught:
        collect(client("admin", identity="lim@example.com", namespaces=("lab",)))
    assert caught.value.reason == "NAMESPACE_NOT_GRANTED"
    admin = client("admin")
    for wrong in ({"page_size": -1}, {"page_token": "x"}):
        with pytest.raises(InvalidArgument) as bad:
            collect(admin, **wrong)
        assert bad.value.violations[0].field in wrong
    request = store_pb2.CollectGarbageRequest()
    request.grace.FromSeconds(-1)
    with pytest.raises(InvalidArgument, match="grace"):
        admin.store.CollectGarbage(request)


def test_the_store_is_told(server: Served, registry: Registry) -> None:
    answer = server.admin.store.CheckStore(store_pb2.CheckStoreRequest())
    assert answer.location == registry.store.location
    assert answer.direct is (registry.store.direct is not None)


def test_uploads_that_were_given_up_are_ended(server: Served, registry: Registry) -> None:
    store = registry.store
    content = os.urandom(3 << 20)
    digest = hashlib.sha256(content).hexdigest()
    if isinstance(store, LocalStore):
        (Path(store.location) / "incoming" / "left").write_bytes(b"half")
    else:
        assert store.direct is not None
        store.direct.begin(digest, len(content))
    Collector(registry.database, store, registry.created, LATE, dry_run=True).abort_uploads(tally := Tally())
    assert tally.aborted == 1
    Collector(registry.database, store, registry.created, LATE).abort_uploads(again := Tally())
    assert again.aborted == 1
    assert list(store.abandoned(LATE)) == []


def test_creating_and_finalizing_while_it_collects(server: Served, registry: Registry, publisher: Client) -> None:
    """Everything unnamed goes at once, again and again, while versions of the same few contents come and go."""
    contents = [os.urandom(64) for _ in range(3)]
    parents = [model(publisher, f"m{number}") for number in range(3)]
    stop, damaged, finalized = threading.Event(), list[object](), list[str]()

    def publish_all(parent: str, order: list[bytes]) -> None:
        for content in order * 3:
            try:
                made = publish(publisher, parent, files={"config.json": content})
                finalized.append(made.name)
                assert download(publisher, made.name, "config.json") == content
                other = declare(publisher, parent, manifest(files={"config.json": os.urandom(8) + content}))
                publisher.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=other.name))
            except (AssertionError, SpiritsafeError) as error:
                damaged.append(error)

    def collect_all() -> None:
        while not stop.is_set():
            for content in contents:
                put(registry, content)
            Collector(registry.database, registry.store, registry.created, LATE).collect(Tally(), "", 1000)

    threads = [
        threading.Thread(target=publish_all, args=(parent, contents[number:] + contents[:number]))
        for number, parent in enumerate(parents)
    ]
    collector = threading.Thread(target=collect_all)
    collector.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    assert damaged == []
    assert len(finalized) == 27
    assert all(registry.store.verify(hashlib.sha256(content).hexdigest()) for content in contents)


@pytest.mark.parametrize("registry", ["bucket"], indirect=True)
def test_a_store_that_fails_leaves_a_record_of_what_is_gone(s3: LocalS3, server: Served, registry: Registry) -> None:
    put(registry, b"one")
    assert registry.store.direct is not None
    registry.store.direct.begin(hashlib.sha256(b"two").hexdigest(), 3 << 20)
    s3.faults.append(Fault("POST", "delete", status=503, times=1000))
    with pytest.raises(Unavailable):
        collect(server.admin)
    # The client tries again; where nothing is gone, there is nothing to record.
    assert [event.details["aborted_uploads"] for event in events(registry)] == [1]
    assert events(registry)[0].details["collected_blobs"] == 0
