"""External files over the wire: finalized without bytes, mirrored by the server, and from its own hub only."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlmodel import select

from registry.context import Registry
from registry.home import open_home
from registry.hub.mirror import REPORT_BYTES, find_work, mirror
from registry.storage.tables import AuditEvent
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.hub.repository import Hub
from spiritsafe.registry.v1 import artifact_pb2, import_pb2, version_pb2
from spiritsafe.rpc.names import VersionName
from tests.hub.serving import Fault, LocalHub
from tests.registry.catalog.publishing import dataset, declare, download, finalize, get, manifest, missing, model
from tests.registry.serving import Served

BIG = bytes(range(256)) * 80_000  # twenty megabytes: several reports
SMALL = b"\x02\0\0\0\0\0\0\0{}"
FILES = {"config.json": b"{}", "a.safetensors": SMALL, "b.safetensors": BIG}
PUBLISHED = "acme/tool"


def external(
    publisher: Client,
    hub: LocalHub,
    files: dict[str, bytes] = FILES,
    name: str = "tool",
) -> version_pb2.Version:
    """A finalized version whose files lie on the hub."""
    commit = hub.model(PUBLISHED, {"license": "mit"}, files)
    large = {path: content for path, content in files.items() if path.endswith(".safetensors")}
    version = manifest(
        "base",
        large,
        imported=True,
        source=version_pb2.Source(hub_repo=PUBLISHED, revision=commit),
    )
    for entry in version.files:
        entry.external = True
    return finalize(publisher, declare(publisher, model(publisher, name), version).name)


def mirrored(publisher: Client, name: str) -> list[artifact_pb2.MirrorFilesResponse]:
    return list(publisher.artifacts.MirrorFiles(artifact_pb2.MirrorFilesRequest(version=name)))


def test_finalized_without_bytes_and_mirrored(publisher: Client, hub: LocalHub) -> None:
    made = external(publisher, hub)
    assert made.state == version_pb2.VERSION_STATE_READY
    assert [(one.external, one.uploaded) for one in made.files] == [(True, False), (True, False)]
    assert missing(publisher, made.name) == []
    with pytest.raises(errors.FailedPrecondition, match=r"'a.safetensors' as an external file") as caught:
        download(publisher, made.name, "a.safetensors")
    assert (caught.value.reason, "spiritsafe version mirror tool@1" in caught.value.remedy) == ("FILES_EXTERNAL", True)
    reports = mirrored(publisher, made.name)
    told = [one.done_bytes for one in reports if one.path == "b.safetensors"]
    assert (told[0], told[-1]) == (0, len(BIG))
    assert all(later - earlier <= REPORT_BYTES + (1 << 20) for earlier, later in pairwise(told))
    assert reports[-1] == artifact_pb2.MirrorFilesResponse(mirrored_files=2, external_files=2)
    assert download(publisher, made.name, "b.safetensors") == BIG
    assert [(one.external, one.uploaded) for one in get(publisher, made.name).files] == [(True, True), (True, True)]
    assert len(mirrored(publisher, made.name)) == 1


def test_the_last_external_file_is_scanned_with_all_others(
    publisher: Client, hub: LocalHub, registry: Registry
) -> None:
    header = b'{"__metadata__":{"license":"cc-by-nc-4.0"}}'
    weights = len(header).to_bytes(8, "little") + header
    made = external(publisher, hub, {"a.safetensors": weights})
    assert list(made.detected_licenses.ids) == []
    mirrored(publisher, made.name)
    assert list(get(publisher, made.name).detected_licenses.ids) == ["cc-by-nc-4.0"]
    mirrored(publisher, made.name)
    with registry.database.read() as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.type == "version.rescanned")).all()
    assert [(one.actor, one.resource) for one in events] == [("ada@example.com", made.name)]


def test_the_next_call_goes_on_where_one_failed(publisher: Client, hub: LocalHub) -> None:
    made = external(publisher, hub)
    hub.faults = [Fault(hashlib.sha256(BIG).hexdigest(), 500, times=9)]
    with pytest.raises(errors.Unavailable) as caught:
        mirrored(publisher, made.name)
    assert caught.value.reason == "HUB_FAILED"
    hub.faults, hub.asked = [], []
    assert mirrored(publisher, made.name)[-1].mirrored_files == 2
    assert not [path for path in hub.paths() if hashlib.sha256(SMALL).hexdigest() in path]


def test_bytes_that_are_not_those_of_the_commit(publisher: Client, hub: LocalHub, registry: Registry) -> None:
    made = external(publisher, hub, {"a.safetensors": SMALL})
    wrong = Fault("/cdn/", body=bytes(len(SMALL)))
    hub.faults = [replace(wrong, times=2)]
    with pytest.raises(errors.DataLoss) as caught:
        mirrored(publisher, made.name)
    assert caught.value.reason == "HUB_CONTENT_MISMATCH"
    assert not registry.store.has(hashlib.sha256(SMALL).hexdigest())
    hub.faults = [wrong]
    assert mirrored(publisher, made.name)[-1].mirrored_files == 1


def test_a_caller_who_leaves_ends_the_work(publisher: Client, hub: LocalHub, registry: Registry) -> None:
    made = external(publisher, hub, {"b.safetensors": BIG})
    stream = publisher.artifacts.MirrorFiles(artifact_pb2.MirrorFilesRequest(version=made.name))
    assert next(iter(stream)).path == "b.safetensors"
    stream.close()  # type: ignore[attr-defined] # the SDK gives a generator
    assert mirrored(publisher, made.name)[-1].mirrored_files == 1


def test_work_that_was_stopped_keeps_nothing_half(publisher: Client, hub: LocalHub, registry: Registry) -> None:
    made = external(publisher, hub, {"b.safetensors": BIG})
    with registry.database.read() as session:
        work = find_work(session, registry.store, VersionName.parse(made.name))
    stop = threading.Event()
    with pytest.raises(errors.Unavailable, match="has ended"):
        mirror(registry.store, registry.hub, work, lambda _report: stop.set(), stop.is_set)
    assert not registry.store.has(hashlib.sha256(BIG).hexdigest())


def test_without_external_files_there_is_nothing_to_do(publisher: Client, hub: LocalHub) -> None:
    declared = manifest("prompts", {}, imported=True)
    made = finalize(publisher, declare(publisher, dataset(publisher, "rows"), declared).name)
    assert mirrored(publisher, made.name) == [artifact_pb2.MirrorFilesResponse()]
    assert hub.asked == []


@pytest.mark.parametrize(
    ("repo", "revision", "reason"),
    [("../../api/whoami", "0" * 40, "EXTERNAL_WITHOUT_SOURCE"), (PUBLISHED, "main", "EXTERNAL_WITHOUT_SOURCE")],
)
def test_no_client_chooses_an_address(publisher: Client, repo: str, revision: str, reason: str) -> None:
    version = manifest("base", FILES, imported=True, source=version_pb2.Source(hub_repo=repo, revision=revision))
    version.files[0].external = True
    with pytest.raises(errors.InvalidArgument) as caught:
        declare(publisher, model(publisher, "tool"), version)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "version.files[0].external")


def test_who_may_mirror(server: Served, publisher: Client, hub: LocalHub) -> None:
    made = external(publisher, hub, {"a.safetensors": SMALL})
    with pytest.raises(errors.PermissionDenied):
        mirrored(server.client("reader"), made.name)
    with pytest.raises(errors.PermissionDenied, match="namespace"):
        mirrored(server.client("publisher", identity="eve", namespaces=["other"]), made.name)
    assert mirrored(server.client("releaser"), made.name)[-1].mirrored_files == 1


def test_the_address_and_the_token_are_the_server_s(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    monkeypatch.setenv("HF_TOKEN", "hf_server")
    opened = open_home(home)
    opened.database.close()
    assert opened.hub == Hub("https://mirror.example", "hf_server", anonymous=True)


@pytest.mark.parametrize(
    ("card", "field"),
    [
        (import_pb2.HubCard(hub_repo="a b", kind=import_pb2.HUB_REPO_KIND_MODEL), "card.hub_repo"),
        (import_pb2.HubCard(hub_repo="a/b"), "card.kind"),
        (import_pb2.HubCard(hub_repo="a/b", kind=9), "card.kind"),  # type: ignore[arg-type] # of a newer client
    ],
)
def test_a_card_of_nothing(publisher: Client, card: import_pb2.HubCard, field: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        publisher.imports.PlanImport(import_pb2.PlanImportRequest(card=card))
    assert caught.value.violations[0].field == field
