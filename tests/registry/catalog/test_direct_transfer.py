"""Bytes past the server: what the server signs, what the bucket takes with it, and how the SDK uses it."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.context import Registry
from registry.storage.s3.settings import S3Settings
from registry.storage.s3.store import S3Store
from spiritsafe import presigned
from spiritsafe.client import Client
from spiritsafe.errors import DataLoss, FailedPrecondition, NotFound, Unavailable
from spiritsafe.publish import download_version, publish_version, upload_file
from spiritsafe.registry.v1 import artifact_pb2, version_pb2
from tests.registry.catalog.publishing import declare, finalize, manifest, missing, model, publish, upload
from tests.registry.serving import Served
from tests.s3.serving import Fault, LocalS3

MIB = 1 << 20
PART_BYTES = 5 * MIB // 4
SMALL = b"?" + os.urandom(MIB + 1000)  # one request
BIG = b"?" + os.urandom(2 * PART_BYTES + 77_777)  # three parts
FILES = {"config.json": b"{}", "small.safetensors": SMALL, "big.safetensors": BIG}
FULL = version_pb2.Version(kind=version_pb2.VERSION_KIND_FULL)
Direct = artifact_pb2.DirectRequest


@pytest.fixture
def bucket(bucket: S3Settings) -> S3Settings:
    return replace(bucket, part_bytes=PART_BYTES)


@pytest.fixture
def store(bucket: S3Settings) -> S3Store:
    return S3Store(bucket)


@pytest.fixture
def registry(registry: Registry, store: S3Store) -> Registry:
    return replace(registry, store=store)


@pytest.fixture
def draft(publisher: Client) -> str:
    return declare(publisher, model(publisher, "m"), manifest(files=FILES)).name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    for path, content in FILES.items():
        (made / path).write_bytes(content)
    return made


def begin(client: Client, version: str, path: str, **fields: bool) -> artifact_pb2.BeginUploadResponse:
    request = artifact_pb2.BeginUploadRequest(version=version, path=path, **fields)
    return client.artifacts.BeginUpload(request)


def complete(client: Client, version: str, path: str) -> artifact_pb2.CompleteUploadResponse:
    return client.artifacts.CompleteUpload(artifact_pb2.CompleteUploadRequest(version=version, path=path))


def location(client: Client, version: str, path: str) -> artifact_pb2.GetDownloadUrlResponse:
    return client.artifacts.GetDownloadUrl(artifact_pb2.GetDownloadUrlRequest(version=version, path=path))


def send(request: Direct, body: bytes, **headers: str) -> int:
    """The status that the bucket answers with."""
    given = {"Content-Type": "application/octet-stream", **request.headers, **headers}
    sent = urllib.request.Request(request.url, body or None, given, method=request.method)
    try:
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def entry(path: str) -> version_pb2.FileEntry:
    content = FILES[path]
    return version_pb2.FileEntry(path=path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def test_small_content_is_one_request_that_holds_length_and_digest(
    publisher: Client, draft: str, store: S3Store, s3: LocalS3
) -> None:
    offer = begin(publisher, draft, "small.safetensors")
    assert (offer.way, offer.part_bytes, offer.more_parts) == (artifact_pb2.TRANSFER_WAY_DIRECT, len(SMALL), False)
    (part,) = offer.parts
    assert (part.number, part.size_bytes, part.request.method) == (1, len(SMALL), "PUT")
    assert 0 < part.request.expire_time.seconds - time.time() <= 900
    wrong = b"!" + SMALL[1:]
    assert send(part.request, wrong) == 400, "other bytes than the digest names"
    assert send(part.request, SMALL[:-1], **{"Content-Length": str(len(SMALL) - 1)}) == 403, "another length"
    forged = {"x-amz-checksum-sha256": presigned_checksum(wrong)}
    assert send(part.request, wrong, **forged) == 403, "another digest than was signed"
    without = Direct(method="PUT", url=part.request.url, headers={"Content-Length": str(len(SMALL))})
    assert send(without, wrong) == 403, "no digest"
    assert send(part.request, SMALL, **{"x-amz-acl": "public-read"}) == 403, "more than was signed"
    assert missing(publisher, draft) == ["big.safetensors", "config.json", "small.safetensors"]
    with pytest.raises(FailedPrecondition) as caught:
        complete(publisher, draft, "small.safetensors")
    assert caught.value.reason == "UPLOAD_INCOMPLETE"
    assert send(part.request, SMALL) == 200
    assert send(part.request, SMALL) == 412, "written once"
    assert complete(publisher, draft, "small.safetensors").size_bytes == len(SMALL)
    assert begin(publisher, draft, "small.safetensors").way == artifact_pb2.TRANSFER_WAY_STORED
    assert store.verify(hashlib.sha256(SMALL).hexdigest())


def presigned_checksum(body: bytes) -> str:
    from registry.storage.s3.bucket import checksum

    return checksum(body)


def test_large_content_becomes_visible_once_the_server_has_read_it(
    publisher: Client, draft: str, store: S3Store
) -> None:
    offer = begin(publisher, draft, "big.safetensors")
    assert [part.size_bytes for part in offer.parts] == [PART_BYTES, PART_BYTES, len(BIG) - 2 * PART_BYTES]
    for part in offer.parts[:2]:
        start = (part.number - 1) * PART_BYTES
        assert send(part.request, BIG[start : start + part.size_bytes]) == 200
    longer = {"Content-Length": str(PART_BYTES)}
    assert send(offer.parts[2].request, BIG[:PART_BYTES], **longer) == 403, "another length"
    with pytest.raises(FailedPrecondition):
        complete(publisher, draft, "big.safetensors")
    again = begin(publisher, draft, "big.safetensors")
    assert [part.number for part in again.parts] == [3]
    assert send(again.parts[0].request, BIG[2 * PART_BYTES :]) == 200
    assert begin(publisher, draft, "big.safetensors").parts == []
    assert not store.has(hashlib.sha256(BIG).hexdigest())
    answer = complete(publisher, draft, "big.safetensors")
    assert (answer.sha256, answer.size_bytes) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert complete(publisher, draft, "big.safetensors") == answer
    assert store.verify(answer.sha256)
    assert list(store.abandoned(2**62)) == []


def test_other_bytes_in_parts_never_become_content(publisher: Client, draft: str, store: S3Store) -> None:
    for part in begin(publisher, draft, "big.safetensors").parts:
        assert send(part.request, b"!" * part.size_bytes) == 200
    with pytest.raises(DataLoss) as caught:
        complete(publisher, draft, "big.safetensors")
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert list(store.blobs()) == []
    assert list(store.abandoned(2**62)) == []
    assert len(begin(publisher, draft, "big.safetensors").parts) == 3


def test_what_one_request_does_not_copy_is_copied_in_parts(bucket: S3Settings, s3: LocalS3) -> None:
    store = S3Store(replace(bucket, copy_part_bytes=5 * MIB))
    content = os.urandom(6 * MIB)
    digest = hashlib.sha256(content).hexdigest()
    for part in store.direct.begin(digest, len(content)).parts:
        start = (part.number - 1) * PART_BYTES
        assert send(part.request, content[start : start + part.size_bytes]) == 200
    before = s3.count("PUT", f"{digest[:2]}/{digest}?")
    assert store.direct.complete(digest, len(content)) == len(content)
    assert s3.count("PUT", f"{digest[:2]}/{digest}?") == before + 2
    assert store.verify(digest)
    assert list(store.abandoned(2**62)) == []


def test_a_restart_forgets_the_parts(publisher: Client, draft: str) -> None:
    offer = begin(publisher, draft, "big.safetensors")
    send(offer.parts[0].request, BIG[:PART_BYTES])
    assert len(begin(publisher, draft, "big.safetensors").parts) == 2
    assert len(begin(publisher, draft, "big.safetensors", restart=True).parts) == 3
    assert send(offer.parts[1].request, BIG[PART_BYTES : 2 * PART_BYTES]) == 404, "an upload that is gone"


def test_a_request_ends_with_its_time(publisher: Client, draft: str, store: S3Store, bucket: S3Settings) -> None:
    late = S3Store(replace(bucket, url_seconds=1)).direct
    digest = hashlib.sha256(SMALL).hexdigest()
    request = late.begin(digest, len(SMALL)).parts[0].request
    time.sleep(2.1)  # the time in a signature has whole seconds
    assert send(Direct(method="PUT", url=request.url, headers=request.headers), SMALL) == 403
    assert not store.has(digest)


def test_only_what_a_draft_declares_is_offered(publisher: Client, draft: str) -> None:
    with pytest.raises(NotFound):
        begin(publisher, draft, "../other")
    with pytest.raises(FailedPrecondition) as caught:
        location(publisher, draft, "config.json")
    assert caught.value.reason == "VERSION_NOT_READY"
    ready = publish(publisher, model(publisher, "ready"))
    for call in (begin, complete):
        with pytest.raises(FailedPrecondition):
            call(publisher, ready.name, "config.json")
    with pytest.raises(NotFound):
        location(publisher, ready.name, "other.json")


def test_a_bucket_that_compares_nothing_is_not_offered(publisher: Client, draft: str, s3: LocalS3) -> None:
    s3.compares = False
    assert begin(publisher, draft, "small.safetensors").way == artifact_pb2.TRANSFER_WAY_SERVER
    assert upload(publisher, draft, "config.json", b"{}").size_bytes == 2


def test_a_folder_has_no_way_around_the_server(
    tmp_path: Path, folder: Path, client: Callable[..., Client], server: Served
) -> None:
    from contextlib import ExitStack, closing

    from registry.home import open_home
    from tests.registry.serving import serve

    opened = open_home(tmp_path / "local")
    with closing(opened.database), ExitStack() as stack:
        local = serve(tmp_path / "local", opened, f"unix:{tmp_path}/local.socket", stack).client("publisher")
        made = publish_version(local, model(local, "m"), FULL, folder)
        assert location(local, made.name, "big.safetensors").way == artifact_pb2.TRANSFER_WAY_SERVER
        back = download_version(local, made.name, tmp_path / "back")
        assert (back / "big.safetensors").read_bytes() == BIG


def test_a_folder_travels_past_the_server(publisher: Client, folder: Path, tmp_path: Path, s3: LocalS3) -> None:
    told: dict[str, list[int]] = {}

    def progress(path: str, done: int, total: int) -> None:
        assert total == len(FILES[path])
        told.setdefault(path, []).append(done)

    version = publish_version(publisher, model(publisher, "m"), FULL, folder, progress=progress)
    assert s3.count("PUT", "X-Amz-Signature") == 4, "one and three parts; what is small went through the server"
    assert told["big.safetensors"] == [PART_BYTES, 2 * PART_BYTES, len(BIG)]
    told.clear()
    back = download_version(publisher, version.name, tmp_path / "back", progress)
    assert {path.name: path.read_bytes() for path in back.iterdir()} == FILES
    assert s3.count("GET", "X-Amz-Signature") == 2
    assert told["big.safetensors"][-1] == len(BIG)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", "X-Amz-Signature", status=503, times=2),
        Fault("PUT", "X-Amz-Signature", cut=-1),
        Fault("PUT", "X-Amz-Signature", status=403, code="AccessDenied"),
        Fault("PUT", "partNumber=2", status=500),
    ],
    ids=["busy", "answer cut", "expired", "one part"],
)
def test_the_sdk_sends_again_what_failed(publisher: Client, folder: Path, s3: LocalS3, fault: Fault) -> None:
    s3.faults.append(replace(fault))
    made = publish_version(publisher, model(publisher, "m"), FULL, folder)
    assert made.state == version_pb2.VERSION_STATE_READY


def test_the_sdk_goes_on_with_the_parts_that_are_there(publisher: Client, draft: str, s3: LocalS3) -> None:
    first = begin(publisher, draft, "big.safetensors").parts[0]
    send(first.request, BIG[:PART_BYTES])
    assert presigned.upload(publisher, draft, entry("big.safetensors"), lambda _: [BIG], lambda *_: None)
    assert s3.count("PUT", "partNumber=") == 3
    assert missing(publisher, draft) == ["config.json", "small.safetensors"]


def test_the_sdk_does_not_trust_parts_of_somebody_else(publisher: Client, draft: str, store: S3Store) -> None:
    first = begin(publisher, draft, "big.safetensors").parts[0]
    send(first.request, b"!" * PART_BYTES)
    assert presigned.upload(publisher, draft, entry("big.safetensors"), lambda _: [BIG], lambda *_: None)
    assert store.verify(hashlib.sha256(BIG).hexdigest())


@pytest.mark.parametrize("path", ["small.safetensors", "big.safetensors"])
def test_a_file_that_changed_is_refused(publisher: Client, draft: str, tmp_path: Path, path: str) -> None:
    for number, content in enumerate((b"!" + FILES[path][1:], FILES[path][:-1])):
        source = tmp_path / str(number)
        source.write_bytes(content)
        with pytest.raises(DataLoss) as caught:
            upload_file(publisher, draft, path, source)
        assert caught.value.reason == "DIGEST_MISMATCH"
    assert path in missing(publisher, draft)


def test_a_store_that_is_out_of_reach_is_gone_around(
    publisher: Client, folder: Path, tmp_path: Path, store: S3Store, s3: LocalS3
) -> None:
    s3.faults += [Fault("PUT", "X-Amz-Signature", cut=-1, times=50), Fault("GET", "X-Amz-Signature", cut=-1, times=50)]
    (folder / "big.safetensors").unlink()
    made = publish_version(publisher, model(publisher, "m"), FULL, folder)
    back = download_version(publisher, made.name, tmp_path / "back")
    assert (back / "small.safetensors").read_bytes() == SMALL


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "X-Amz-Signature", cut=MIB),
        Fault("GET", "X-Amz-Signature", status=503, times=2),
        Fault("GET", "X-Amz-Signature", status=403, code="AccessDenied"),
    ],
    ids=["cut", "busy", "expired"],
)
def test_a_download_goes_on_where_it_was(
    publisher: Client, folder: Path, tmp_path: Path, s3: LocalS3, fault: Fault
) -> None:
    made = publish_version(publisher, model(publisher, "m"), FULL, folder)
    s3.faults.append(replace(fault))
    back = download_version(publisher, made.name, tmp_path / "back")
    assert (back / "big.safetensors").read_bytes() == BIG


def test_a_partial_download_is_completed_and_a_damaged_one_refused(
    publisher: Client, draft: str, tmp_path: Path
) -> None:
    for path, content in FILES.items():
        upload(publisher, draft, path, *(content[start : start + MIB] for start in range(0, len(content), MIB)))
    finalize(publisher, draft)
    back = tmp_path / "back"
    back.mkdir()
    (back / "big.safetensors.partial").write_bytes(BIG[:MIB])
    download_version(publisher, draft, back)
    assert (back / "big.safetensors").read_bytes() == BIG
    (back / "big.safetensors").unlink()
    (back / "big.safetensors.partial").write_bytes(b"!" * MIB)
    with pytest.raises(DataLoss):
        download_version(publisher, draft, back)


def test_a_store_that_refuses_for_good_is_told(publisher: Client, draft: str, s3: LocalS3) -> None:
    s3.faults.append(Fault("PUT", "X-Amz-Signature", status=405, times=10))
    with pytest.raises(Unavailable) as caught:
        presigned.upload(publisher, draft, entry("small.safetensors"), lambda _: [SMALL], lambda *_: None)
    assert caught.value.reason == "STORE_TRANSFER_FAILED"
    assert "405" in caught.value.message
