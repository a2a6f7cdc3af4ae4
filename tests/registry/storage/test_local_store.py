"""The store in a folder: nothing is visible before it is verified, and nothing is left behind."""

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkstemp

import pytest

from registry.storage.local_store import CHUNK_BYTES, LocalStore
from spiritsafe.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted

CONTENT = b"spirit" * 400_000  # more than two chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blobs")


def pieces(content: bytes = CONTENT, size: int = 100_000) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_stored_content_reads_back_in_chunks(store: LocalStore, tmp_path: Path) -> None:
    assert store.put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
    chunks = list(store.read(DIGEST))
    assert b"".join(chunks) == CONTENT
    assert max(map(len, chunks)) == CHUNK_BYTES
    assert files(tmp_path) == [tmp_path / "blobs" / DIGEST[:2] / DIGEST]


def test_reading_starts_at_the_offset(store: LocalStore) -> None:
    store.put(DIGEST, len(CONTENT), pieces())
    assert b"".join(store.read(DIGEST, 2_000_001)) == CONTENT[2_000_001:]
    assert list(store.read(DIGEST, len(CONTENT))) == []


def test_empty_content_is_content(store: LocalStore) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert store.put(empty, 0, []) == 0
    assert store.has(empty)
    assert store.verify(empty)


@pytest.mark.parametrize(
    ("sent", "declared_size"),
    [
        (CONTENT[:-1] + b"!", len(CONTENT)),
        (CONTENT[:-1], len(CONTENT)),
        (CONTENT, len(CONTENT) - 1),
        (b"", len(CONTENT)),
    ],
    ids=["other bytes", "cut off", "too many bytes", "no bytes"],
)
def test_a_mismatch_keeps_nothing(store: LocalStore, tmp_path: Path, sent: bytes, declared_size: int) -> None:
    with pytest.raises(DataLoss) as caught:
        store.put(DIGEST, declared_size, pieces(sent))
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert not store.has(DIGEST)
    assert files(tmp_path) == []


def test_an_error_of_the_sender_keeps_nothing(store: LocalStore, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT[:1000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(DIGEST, len(CONTENT), broken())
    assert files(tmp_path) == []


def test_oversized_content_is_refused_before_it_has_all_arrived(store: LocalStore) -> None:
    sent = iter([b"x" * 10, b"x" * 10, b"never read"])
    with pytest.raises(DataLoss):
        store.put(DIGEST, 15, sent)
    assert list(sent) == [b"never read"]


def test_present_content_is_not_read_again(store: LocalStore) -> None:
    store.put(DIGEST, len(CONTENT), pieces())
    sent = iter([b"untouched"])
    assert store.put(DIGEST, len(CONTENT), sent) == len(CONTENT)
    assert list(sent) == [b"untouched"]
    with pytest.raises(DataLoss):
        store.put(DIGEST, len(CONTENT) - 1, [])
    assert store.size(DIGEST) == len(CONTENT)


def test_damage_on_disk_is_found(store: LocalStore, tmp_path: Path) -> None:
    store.put(DIGEST, len(CONTENT), pieces())
    assert store.verify(DIGEST)
    place = tmp_path / "blobs" / DIGEST[:2] / DIGEST
    place.write_bytes(CONTENT[:-1] + b"!")
    assert not store.verify(DIGEST)


def test_absent_content(store: LocalStore) -> None:
    store.put(hashlib.sha256(b"").hexdigest(), 0, [])
    assert store.sizes([DIGEST, hashlib.sha256(b"").hexdigest()]) == {hashlib.sha256(b"").hexdigest(): 0}
    assert not store.has(DIGEST)
    assert not store.verify(DIGEST)
    with pytest.raises(NotFound):
        store.read(DIGEST)
    with pytest.raises(NotFound):
        store.size(DIGEST)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, DIGEST + "0", f"{DIGEST[:62]}/."])
def test_only_digests_become_places(store: LocalStore, digest: str) -> None:
    for operation in (store.has, store.verify, store.read, store.size):
        with pytest.raises(InvalidArgument):
            operation(digest)
    with pytest.raises(InvalidArgument):
        store.put(digest, 0, [])


def test_many_writers_of_the_same_content_leave_one_file(store: LocalStore, tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def write() -> None:
        other = LocalStore(tmp_path / "blobs")
        barrier.wait()
        other.put(DIGEST, len(CONTENT), pieces())

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in files(tmp_path)] == [DIGEST]
    assert store.verify(DIGEST)


def test_a_writer_killed_half_way_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:

        def dying() -> Iterator[bytes]:
            yield CONTENT[:1_000_000]
            os._exit(9)

        store.put(DIGEST, len(CONTENT), dying())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not store.has(DIGEST)
    (leftover,) = files(tmp_path)
    assert 0 < leftover.stat().st_size < len(CONTENT)
    assert LocalStore(tmp_path / "blobs").put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
    assert files(tmp_path) == [tmp_path / "blobs" / DIGEST[:2] / DIGEST]
    assert store.verify(DIGEST)


def test_opening_a_store_spares_what_is_being_written(store: LocalStore, tmp_path: Path) -> None:
    def opening() -> Iterator[bytes]:
        for piece in pieces():
            LocalStore(tmp_path / "blobs")
            yield piece

    assert store.put(DIGEST, len(CONTENT), opening()) == len(CONTENT)
    assert store.verify(DIGEST)


def test_a_file_taken_for_a_leftover_before_it_is_locked_is_made_again(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make_and_reopen(*, dir: Path) -> tuple[int, str]:  # noqa: A002 - the original's name
        descriptor, name = mkstemp(dir=dir)
        made.append(Path(name))
        if len(made) == 1:
            LocalStore(tmp_path / "blobs")
        return descriptor, name

    monkeypatch.setattr(tempfile, "mkstemp", make_and_reopen)
    assert store.put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
    assert len(made) == 2
    assert files(tmp_path) == [tmp_path / "blobs" / DIGEST[:2] / DIGEST]


def test_a_full_disk_keeps_nothing(store: LocalStore, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, hard))
    try:
        with pytest.raises(ResourceExhausted) as caught:
            store.put(DIGEST, len(CONTENT), pieces())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.reason == "STORE_FULL"
    assert "free space" in caught.value.remedy
    assert files(tmp_path) == []
    assert store.put(DIGEST, len(CONTENT), pieces()) == len(CONTENT)
