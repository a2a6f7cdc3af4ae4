"""Files on their way: several at once, gone on with after a cut, verified, with progress in bytes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from spiritsafe import NO_RETRIES, AsyncClient, Client, RetryPolicy, operations, publish
from spiritsafe.errors import InvalidArgument, SpiritsafeError, Unavailable
from spiritsafe.registry.v1 import version_pb2
from tests.client.proxy import FaultProxy
from tests.registry.serving import Served

MIB = 1 << 20
QUICK = RetryPolicy(attempts=20, first_wait_seconds=0.05, longest_wait_seconds=0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    for number in range(6):
        (made / f"part-{number}.jsonl").write_bytes(bytes([65 + number]) * 1000)
    (made / "rows.jsonl").write_bytes(b"0123456789abcdef" * (5 * MIB // 16))
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Seen:
    """Progress as it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def __call__(self, path: str, done: int, total: int) -> None:
        self.told.append((path, done, total))

    def of(self, path: str) -> list[int]:
        return [done for told, done, _ in self.told if told == path]


def test_an_upload_that_is_cut_begins_again(served: Served, proxy: FaultProxy, secret: str, folder: Path) -> None:
    seen = Seen()
    with Client(proxy.address, secret, retry=QUICK) as client:
        proxy.cut_after(sent=3 * MIB)
        made = client.publish(folder, "m", licenses=["mit"], progress=seen)
    assert made.state == version_pb2.VERSION_STATE_READY
    assert made.name.endswith("/versions/1")
    # Told of its first bytes twice, since it began again.
    assert seen.of("rows.jsonl").count(MIB) == 2
    assert seen.of("rows.jsonl")[-1] == 5 * MIB


def test_a_download_that_is_cut_goes_on_at_its_last_byte(
    served: Served, proxy: FaultProxy, secret: str, folder: Path, tmp_path: Path
) -> None:
    made = served.admin.publish(folder, "m")
    seen = Seen()
    with Client(proxy.address, secret, retry=QUICK) as client:
        proxy.cut_after(received=3 * MIB)
        client.download(made.name, tmp_path / "copy", progress=seen)
    assert contents(tmp_path / "copy") == contents(folder)
    told = seen.of("rows.jsonl")
    assert told == sorted(set(told))


def test_without_retries_a_cut_ends_the_transfer_and_the_next_call_goes_on(
    served: Served, proxy: FaultProxy, secret: str, folder: Path, tmp_path: Path
) -> None:
    made = served.admin.publish(folder, "m")
    with Client(proxy.address, secret, retry=NO_RETRIES) as client:
        proxy.cut_after(received=3 * MIB)
        with pytest.raises(Unavailable):
            client.download("m@1", tmp_path / "copy")
        partial = tmp_path / "copy" / "rows.jsonl.partial"
        had = partial.stat().st_size
        assert 0 < had < 5 * MIB
    seen = Seen()
    served.admin.download(made.name, tmp_path / "copy", progress=seen)
    assert seen.of("rows.jsonl")[0] > had
    assert contents(tmp_path / "copy") == contents(folder)


def test_files_travel_side_by_side(served: Served, folder: Path) -> None:
    threads, begun = set(), threading.Barrier(2, timeout=20)

    def progress(_path: str, _done: int, _total: int) -> None:
        threads.add(threading.get_ident())

    def content(entry: version_pb2.FileEntry) -> list[bytes]:
        if entry.path in ("part-0.jsonl", "part-1.jsonl"):
            begun.wait()
        return chunks(folder / entry.path)

    declared = operations.declared("full", ["mit"], (), "", None)
    declared.files.extend(publish.folder_manifest(folder))
    publish.ensure_node(served.admin, operations.node_of("m"))
    parent = "namespaces/default/models/m"
    made = publish.publish_content(served.admin, parent, declared, content, progress, parallel=2)
    assert made.state == version_pb2.VERSION_STATE_READY
    assert len(threads) >= 2


def chunks(file: Path) -> list[bytes]:
    content = file.read_bytes()
    return [content[start : start + MIB] for start in range(0, len(content), MIB)]


def test_after_a_failure_no_further_file_is_begun(served: Served, folder: Path) -> None:
    seen = Seen()

    def stop(path: str, done: int, total: int) -> None:
        seen(path, done, total)
        raise OSError("the disk is gone")

    with pytest.raises(SpiritsafeError):
        served.admin.publish(folder, "m", progress=stop)
    assert len({path for path, *_ in seen.told}) <= 4
    assert served.admin.publish(folder, "m").name.endswith("/versions/1")


def test_what_is_there_is_neither_sent_nor_fetched_again(served: Served, folder: Path, tmp_path: Path) -> None:
    served.admin.publish(folder, "m")
    seen = Seen()
    served.admin.publish(folder, "other", licenses=["mit"], progress=seen)
    served.admin.download("m@1", tmp_path / "copy")
    served.admin.download("m@1", tmp_path / "copy", progress=seen)
    assert seen.told == []


def test_cancelling_a_download_ends_its_thread(served: Served, secret: str, folder: Path, tmp_path: Path) -> None:
    served.admin.publish(folder, "m")
    begun, ended = threading.Event(), threading.Event()

    def progress(path: str, _done: int, _total: int) -> None:
        if path == "rows.jsonl":
            begun.set()
            assert ended.wait(20)

    async def use() -> None:
        async with AsyncClient(served.address, secret) as client:
            downloading = asyncio.ensure_future(client.download("m@1", tmp_path / "copy", progress=progress))
            await asyncio.to_thread(begun.wait, 20)
            downloading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await downloading
            ended.set()

    # Waits for its threads.
    asyncio.run(use())
    assert not (tmp_path / "copy" / "rows.jsonl").exists()


@pytest.mark.parametrize("name", ["m", "m@0", "Nobody@1", "a/b@1"])
def test_a_version_is_named_with_its_number(served: Served, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument):
        served.admin.download(name, tmp_path / "copy")
