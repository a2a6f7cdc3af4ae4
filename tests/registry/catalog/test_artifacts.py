"""Uploads and downloads over real gRPC, interrupted ones included."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.context import Registry
from registry.storage.s3.store import S3Store
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SpiritsafeError,
)
from spiritsafe.publish import download_version, publish_version
from spiritsafe.registry.v1 import artifact_pb2, version_pb2
from tests.registry.catalog.publishing import (
    declare,
    download,
    finalize,
    get,
    manifest,
    missing,
    model,
    publish,
    sha256,
    upload,
    upload_requests,
)

Events = Callable[[], list[AuditEvent]]
Blobs = Callable[[], set[str]]
WEIGHTS = os.urandom(2_500_000)
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS}
CHUNKS = [WEIGHTS[start : start + (1 << 20)] for start in range(0, len(WEIGHTS), 1 << 20)]


@pytest.fixture(params=["folder", "bucket"])
def registry(registry: Registry, request: pytest.FixtureRequest) -> Registry:
    """The registry with either store."""
    if request.param == "folder":
        return registry
    return replace(registry, store=S3Store(request.getfixturevalue("bucket")))


@pytest.fixture
def blobs(registry: Registry) -> Callable[[], set[str]]:
    """Reads what the store holds."""
    return lambda: {blob.sha256 for blob in registry.store.blobs()}


@pytest.fixture
def draft(publisher: Client) -> version_pb2.Version:
    return declare(publisher, model(publisher, "m"), manifest(files=FILES))


def test_what_is_uploaded_can_be_fetched_once_finalized(
    publisher: Client, draft: version_pb2.Version, events: Events
) -> None:
    assert missing(publisher, draft.name) == ["config.json", "model.safetensors"]
    count = len(events())
    answer = upload(publisher, draft.name, "model.safetensors", *CHUNKS)
    assert (answer.sha256, answer.size_bytes) == (sha256(WEIGHTS), len(WEIGHTS))
    assert missing(publisher, draft.name) == ["config.json"]
    upload(publisher, draft.name, "config.json", b"{", b"}")
    assert len(events()) == count, "content becomes a fact only when the version is finalized"
    with pytest.raises(FailedPrecondition) as caught:
        download(publisher, draft.name, "config.json")
    assert caught.value.reason == "VERSION_NOT_READY"
    finalize(publisher, draft.name)
    assert download(publisher, draft.name, "model.safetensors") == WEIGHTS
    assert download(publisher, draft.name, "config.json") == b"{}"


def test_downloads_resume_at_a_byte(publisher: Client, draft: version_pb2.Version) -> None:
    upload(publisher, draft.name, "model.safetensors", *CHUNKS)
    upload(publisher, draft.name, "config.json", b"{}")
    finalize(publisher, draft.name)
    assert download(publisher, draft.name, "model.safetensors", 1_234_567) == WEIGHTS[1_234_567:]
    assert download(publisher, draft.name, "model.safetensors", len(WEIGHTS)) == b""
    for offset in (-1, len(WEIGHTS) + 1):
        with pytest.raises(InvalidArgument) as caught:
            download(publisher, draft.name, "model.safetensors", offset)
        assert caught.value.violations[0].field == "offset_bytes"


def test_an_upload_cut_off_leaves_nothing_and_resumes(
    publisher: Client, draft: version_pb2.Version, blobs: Blobs
) -> None:
    upload(publisher, draft.name, "config.json", b"{}")

    def broken() -> Iterator[artifact_pb2.UploadFileRequest]:
        yield from upload_requests(draft.name, "model.safetensors", CHUNKS[0])
        raise ConnectionResetError

    with pytest.raises(SpiritsafeError):
        publisher.artifacts.UploadFile(broken())
    assert missing(publisher, draft.name) == ["model.safetensors"]
    with pytest.raises(DataLoss):
        upload(publisher, draft.name, "model.safetensors", *CHUNKS[:2])
    assert blobs() & {sha256(WEIGHTS)} == set()
    assert not get(publisher, draft.name).files[1].uploaded
    upload(publisher, draft.name, "model.safetensors", *CHUNKS)
    assert finalize(publisher, draft.name).state == version_pb2.VERSION_STATE_READY
    assert blobs() == {sha256(content) for content in FILES.values()}


def test_other_bytes_are_refused_and_not_kept(publisher: Client, draft: version_pb2.Version, blobs: Blobs) -> None:
    with pytest.raises(DataLoss) as caught:
        upload(publisher, draft.name, "config.json", b"[]")
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert caught.value.remedy
    assert blobs() == set()


def test_present_content_is_answered_without_a_stream(publisher: Client, draft: version_pb2.Version) -> None:
    upload(publisher, draft.name, "config.json", b"{}")
    twin = declare(publisher, model(publisher, "twin"), manifest(files={"other/name.json": b"{}"}))
    assert missing(publisher, twin.name) == []
    assert upload(publisher, twin.name, "other/name.json").size_bytes == 2
    assert finalize(publisher, twin.name).files[0].uploaded


@pytest.mark.parametrize("path", ["other.json", "../config.json", "/etc/passwd", ""])
def test_only_declared_paths_exist(publisher: Client, draft: version_pb2.Version, path: str) -> None:
    with pytest.raises(NotFound):
        upload(publisher, draft.name, path, b"{}")
    ready = publish(publisher, model(publisher, "ready"))
    with pytest.raises(NotFound):
        download(publisher, ready.name, path)


def test_a_stream_starts_with_its_only_header(publisher: Client, draft: version_pb2.Version, blobs: Blobs) -> None:
    header = next(upload_requests(draft.name, "config.json"))
    chunk = artifact_pb2.UploadFileRequest(chunk=b"{}")
    empty = artifact_pb2.UploadFileRequest()
    for stream in ([], [chunk], [empty], [header, header, chunk], [header, chunk, empty]):
        with pytest.raises(InvalidArgument) as caught:
            publisher.artifacts.UploadFile(iter(stream))
        assert caught.value.violations[0].field == "header"
    with pytest.raises(InvalidArgument, match="at most"):
        upload(publisher, draft.name, "model.safetensors", WEIGHTS[: (1 << 20) + 1])
    assert blobs() == set()


def test_a_caller_of_another_namespace_reaches_no_bytes(client: Callable[..., Client], publisher: Client) -> None:
    ready = publish(publisher, model(publisher, "m"))
    limited = client("publisher", identity="lim@example.com", namespaces=("lab",))
    calls: list[Callable[[], object]] = [
        lambda: missing(limited, ready.name),
        lambda: download(limited, ready.name, "config.json"),
        lambda: upload(limited, ready.name, "config.json", b"{}"),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied):
            call()


def test_a_folder_travels_through_the_sdk(publisher: Client, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "sub" / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "empty.txt").touch()
    name, request_id = model(publisher, "m"), "00000000-0000-4000-8000-000000000001"
    wanted = version_pb2.Version(kind=version_pb2.VERSION_KIND_FULL)
    version = publish_version(publisher, name, wanted, folder, request_id)
    assert version.state == version_pb2.VERSION_STATE_READY
    assert publish_version(publisher, name, wanted, folder, request_id).name == version.name
    back = download_version(publisher, version.name, tmp_path / "back")
    assert {path.relative_to(back): path.read_bytes() for path in back.rglob("*") if path.is_file()} == {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
