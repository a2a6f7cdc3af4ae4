"""The store in a bucket, over HTTP: what the store in a folder promises, and what a network adds to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from registry.clock import now
from registry.storage.s3.bucket import Bucket
from registry.storage.s3.settings import S3Settings
from registry.storage.s3.store import CHUNK_BYTES, S3Store
from spiritsafe.errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SpiritsafeError,
    Unavailable,
)
from tests.s3.serving import Fault, LocalS3

MIB = 1 << 20
CONTENT = b"?" + Random(7).randbytes(3 * MIB + 12_345) + b"?"  # four parts
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SMALL = b"spirit" * 1000
SMALL_DIGEST = hashlib.sha256(SMALL).hexdigest()


@pytest.fixture
def store(bucket: S3Settings) -> S3Store:
    return S3Store(bucket)


def pieces(content: bytes = CONTENT, size: int = 100_000) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def keys(bucket: S3Settings) -> list[str]:
    """All that the bucket shows, without the prefix."""
    return [item.key for item in Bucket(bucket).items()]


def uploads(bucket: S3Settings) -> int:
    return len(list(Bucket(bucket).uploads()))


@pytest.mark.parametrize("content", [b"", SMALL, CONTENT], ids=["empty", "one request", "parts"])
def test_stored_content_reads_back_in_chunks(store: S3Store, bucket: S3Settings, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert not store.has(digest)
    assert store.put(digest, len(content), pieces(content)) == len(content)
    assert (store.has(digest), store.size(digest), store.verify(digest)) == (True, len(content), True)
    chunks = list(store.read(digest))
    assert b"".join(chunks) == content
    assert max(map(len, chunks), default=0) <= CHUNK_BYTES
    assert keys(bucket) == [f"{digest[:2]}/{digest}"]
    assert uploads(bucket) == 0


def test_sizes_are_those_of_what_is_there(store: S3Store, s3: LocalS3) -> None:
    store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    absent = [f"{number:064x}" for number in range(40)]
    s3.faults.append(Fault("HEAD", absent[7], status=503))
    assert store.sizes([*absent, SMALL_DIGEST, SMALL_DIGEST]) == {SMALL_DIGEST: len(SMALL)}
    assert store.sizes([]) == {}
    s3.faults.append(Fault("HEAD", absent[9], status=503, times=10))
    with pytest.raises(Unavailable):
        store.sizes(absent)


def test_reading_starts_at_the_offset(store: S3Store) -> None:
    store.put(DIGEST, len(CONTENT), pieces())
    assert b"".join(store.read(DIGEST, 2_000_001)) == CONTENT[2_000_001:]
    assert list(store.read(DIGEST, len(CONTENT))) == []


@pytest.mark.parametrize("content", [SMALL, CONTENT], ids=["one request", "parts"])
@pytest.mark.parametrize(
    ("change", "declared"),
    [(lambda sent: sent[:-1] + b"!", 0), (lambda sent: sent[:-1], 0), (lambda sent: sent, -1), (lambda _sent: b"", 0)],
    ids=["other bytes", "cut off", "too many bytes", "no bytes"],
)
def test_a_mismatch_keeps_nothing(
    store: S3Store, bucket: S3Settings, content: bytes, change: Any, declared: int
) -> None:
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(DataLoss) as caught:
        store.put(digest, len(content) + declared, pieces(change(content)))
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert keys(bucket) == []
    assert uploads(bucket) == 0


def test_an_upload_that_was_cut_off_goes_on_with_the_parts_that_are_there(
    store: S3Store, bucket: S3Settings, s3: LocalS3
) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT[: 2 * MIB + 5]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(DIGEST, len(CONTENT), broken())
    assert keys(bucket) == []
    assert s3.count("PUT", "partNumber=") == 2
    # Another process, which knows nothing of the first one.
    assert S3Store(bucket).put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
    assert s3.count("PUT", "partNumber=") == 4
    assert store.verify(DIGEST)
    assert uploads(bucket) == 0


def test_a_part_with_other_bytes_is_sent_again(store: S3Store, s3: LocalS3) -> None:
    def broken() -> Iterator[bytes]:
        yield b"!" + CONTENT[1:MIB]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(DIGEST, len(CONTENT), broken())
    store.put(DIGEST, len(CONTENT), pieces())
    assert s3.count("PUT", "partNumber=1") == 2
    assert store.verify(DIGEST)


def test_many_writers_of_the_same_content_leave_one_object(bucket: S3Settings) -> None:
    barrier, failed = threading.Barrier(6), []

    def write() -> None:
        store = S3Store(bucket)
        barrier.wait()
        try:
            store.put(SMALL_DIGEST, len(SMALL), [SMALL])
            store.put(DIGEST, len(CONTENT), pieces())
        except SpiritsafeError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    store = S3Store(bucket)
    assert (store.verify(DIGEST), store.verify(SMALL_DIGEST)) == (True, True)
    assert len(keys(bucket)) == 2


def test_a_race_writes_once(store: S3Store, bucket: S3Settings, s3: LocalS3) -> None:
    def slow() -> Iterator[bytes]:
        S3Store(bucket).put(SMALL_DIGEST, len(SMALL), [SMALL])
        yield SMALL

    store.put(SMALL_DIGEST, len(SMALL), slow())
    assert s3.count("PUT", SMALL_DIGEST) == 2, "both sent it, and the bucket kept the first"
    assert [blob.sha256 for blob in store.blobs()] == [SMALL_DIGEST]


def test_present_content_is_not_read_again(store: S3Store) -> None:
    store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    sent = iter([b"untouched"])
    assert store.put(SMALL_DIGEST, len(SMALL), sent) == len(SMALL)
    assert list(sent) == [b"untouched"]
    with pytest.raises(DataLoss):
        store.put(SMALL_DIGEST, len(SMALL) - 1, [])


def test_damage_in_the_bucket_is_found(store: S3Store, bucket: S3Settings) -> None:
    store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    raw = Bucket(bucket)
    raw.client.put_object(**raw.place(f"{SMALL_DIGEST[:2]}/{SMALL_DIGEST}"), Body=SMALL[:-1] + b"!")
    assert not store.verify(SMALL_DIGEST)


def test_absent_content(store: S3Store) -> None:
    assert store.sizes([DIGEST]) == {}
    assert not store.verify(DIGEST)
    for operation in (store.read, store.size):
        with pytest.raises(NotFound):
            operation(DIGEST)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, DIGEST + "0"])
def test_only_digests_become_keys(store: S3Store, digest: str) -> None:
    for operation in (store.has, store.verify, store.read, store.size):
        with pytest.raises(InvalidArgument):
            operation(digest)
    with pytest.raises(InvalidArgument):
        store.put(digest, 0, [])


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", DIGEST, cut=1_500_000),
        Fault("GET", DIGEST, cut=0, times=2),
        Fault("GET", DIGEST, status=503, code="SlowDown"),
        Fault("GET", DIGEST, wait=3.0),
    ],
    ids=["cut", "cut at once", "busy", "slow"],
)
def test_reading_goes_on_after_a_fault(store: S3Store, s3: LocalS3, fault: Fault) -> None:
    store.put(DIGEST, len(CONTENT), pieces())
    s3.faults.append(replace(fault))
    assert b"".join(store.read(DIGEST)) == CONTENT


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", "partNumber=2", status=500),
        Fault("PUT", "partNumber=3", cut=-1),
        Fault("POST", "uploadId=", status=503, code="SlowDown"),
        Fault("POST", "uploadId=", cut=-1),
    ],
    ids=["part", "answer to a part", "end", "answer to the end"],
)
def test_writing_goes_on_after_a_fault(store: S3Store, s3: LocalS3, fault: Fault) -> None:
    s3.faults.append(replace(fault))
    assert store.put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
    assert store.verify(DIGEST)


def test_bytes_that_are_damaged_on_their_way_are_refused(store: S3Store, bucket: S3Settings, s3: LocalS3) -> None:
    s3.faults.append(Fault("PUT", SMALL_DIGEST, status=400, code="BadDigest", times=3))
    with pytest.raises(Unavailable) as caught:
        store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    assert caught.value.reason == "STORE_TRANSFER_DAMAGED"
    raw = Bucket(bucket)
    with pytest.raises(Exception, match="BadDigest"):
        raw.client.put_object(**raw.place("x"), Body=b"a", ChecksumSHA256=hashlib.sha256(b"b").hexdigest())
    assert keys(bucket) == []


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (403, "AccessDenied", FailedPrecondition, "STORE_FORBIDDEN"),
        (404, "NoSuchBucket", FailedPrecondition, "STORE_BUCKET_MISSING"),
        (400, "KMS.DisabledException", FailedPrecondition, "STORE_KEY_UNUSABLE"),
        (507, "XMinioStorageFull", ResourceExhausted, "STORE_FULL"),
        (503, "SlowDown", Unavailable, "STORE_BUSY"),
        (418, "Teapot", Unavailable, "STORE_REFUSED"),
    ],
)
def test_what_the_bucket_refuses_has_a_remedy(
    store: S3Store, bucket: S3Settings, s3: LocalS3, status: int, code: str, kind: type[SpiritsafeError], reason: str
) -> None:
    s3.faults.append(Fault("PUT", SMALL_DIGEST, status=status, code=code, times=10))
    with pytest.raises(kind) as caught:
        store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    assert caught.value.reason == reason
    assert caught.value.remedy
    assert bucket.bucket not in str(caught.value)


def test_a_bucket_that_cannot_be_used(bucket: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    S3Store(bucket).check()
    with pytest.raises(FailedPrecondition) as caught:
        S3Store(replace(bucket, bucket="is-not-there")).check()
    assert caught.value.reason == "STORE_BUCKET_MISSING"
    with pytest.raises(Unavailable) as unreachable:
        S3Store(replace(bucket, endpoint="http://127.0.0.1:1", tries=1)).check()
    assert unreachable.value.reason == "STORE_UNREACHABLE"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(FailedPrecondition) as nobody:
        S3Store(bucket).check()
    assert nobody.value.reason == "STORE_CREDENTIALS_MISSING"


def test_encryption_goes_with_every_object(bucket: S3Settings) -> None:
    settings = replace(bucket, encryption="aws:kms", kms_key="alias/spirits")
    store = S3Store(settings)
    store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    store.put(DIGEST, len(CONTENT), pieces())
    raw = Bucket(settings)
    for digest in (SMALL_DIGEST, DIGEST):
        found = raw.client.head_object(**raw.place(f"{digest[:2]}/{digest}"))
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "alias/spirits")


def test_blobs_are_listed_in_order_and_deleted(store: S3Store, bucket: S3Settings) -> None:
    contents = {hashlib.sha256(bytes([number])).hexdigest(): bytes([number]) for number in range(20)}
    before = now() - 2_000_000  # S3 tells whole seconds
    for digest, content in contents.items():
        store.put(digest, 1, [content])
    raw = Bucket(bucket)
    for stranger in ("README", "ab/notes.txt", f"00/{DIGEST}", "incoming/x/y"):
        raw.client.put_object(**raw.place(stranger), Body=b"not ours")
    listed = list(store.blobs())
    assert [blob.sha256 for blob in listed] == sorted(contents)
    assert all(blob.size_bytes == 1 and before <= blob.modified <= now() for blob in listed)
    assert list(store.blobs(listed[7].sha256)) == listed[8:]
    store.delete([blob.sha256 for blob in listed[:5]] + [DIGEST])
    assert [blob.sha256 for blob in store.blobs()] == sorted(contents)[5:]


def test_a_removal_that_fails_does_not_wait(store: S3Store, s3: LocalS3) -> None:
    store.put(SMALL_DIGEST, len(SMALL), [SMALL])
    s3.faults.append(Fault("POST", "delete", status=503, code="SlowDown"))
    with pytest.raises(Unavailable):
        store.delete([SMALL_DIGEST])
    assert s3.count("POST", "delete") == 1
    assert store.has(SMALL_DIGEST)


def test_abandoned_uploads_are_found_and_ended(store: S3Store, bucket: S3Settings) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT[: MIB + 5]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(DIGEST, len(CONTENT), broken())
    raw = Bucket(bucket)
    staged = raw.begin("incoming/x/z", checksums=False)
    raw.put_part(staged, 1, b"a part")
    raw.client.put_object(**raw.place("incoming/x/y"), Body=b"sent and never verified")
    assert list(store.abandoned(now() - 60_000_000)) == []
    found = list(store.abandoned(now() + 2_000_000))
    assert len(found) == 3
    for upload in found:
        store.abort(upload)
        store.abort(upload)
    assert uploads(bucket) == 0
    assert keys(bucket) == []
