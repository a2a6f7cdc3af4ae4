"""Files between here and the registry: several at once, gone on with where a stream was cut, their digests verified."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from spiritsafe import presigned
from spiritsafe.errors import DataLoss, SpiritsafeError
from spiritsafe.places import inside
from spiritsafe.registry.v1 import artifact_pb2, version_pb2
from spiritsafe.rpc.retrying import is_transient

if TYPE_CHECKING:
    from spiritsafe.client import Client

CHUNK_BYTES = 1 << 20
# More at once do not make one link faster, and servers serve others as well.
PARALLEL_FILES = 4
Progress = Callable[[str, int, int], None]
"""Called with the path inside the version, the bytes done and the bytes in all of that file; one call at a time."""
Content = Callable[[version_pb2.FileEntry], Iterable[bytes]]
"""Gives the bytes of a declared file, in chunks of at most 1 MiB."""
ItemT = TypeVar("ItemT")
_PARTIAL = ".partial"


class _Stopped(SpiritsafeError):
    """Another file failed."""


def silent(_path: str, _done: int, _total: int) -> None:
    """Progress that nobody wants to know."""


def file_digest(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_chunks(source: Path) -> Iterator[bytes]:
    """A file's content in chunks of at most 1 MiB."""
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def upload_file(client: Client, version: str, path: str, source: Path, progress: Progress = silent) -> None:
    """Sends one declared file of a draft. Raises DataLoss where the server's digest differs from its manifest's."""
    entry = version_pb2.FileEntry(path=path, size_bytes=source.stat().st_size)
    _Transfer(client, version, progress).upload(entry, lambda _entry: file_chunks(source))


def upload_missing(
    client: Client,
    version: str,
    entries: Iterable[version_pb2.FileEntry],
    content: Content,
    progress: Progress = silent,
    *,
    parallel: int = PARALLEL_FILES,
) -> None:
    """Sends the declared files of a draft that the registry does not hold, ``parallel`` at once.

    Raises DataLoss for bytes that are not those of the manifest. What was sent until then is kept.
    """
    by_path = {entry.path: entry for entry in entries}
    missing = [by_path[path] for path in _missing(client, version)]
    transfer = _Transfer(client, version, progress)
    transfer.each(lambda entry: transfer.upload(entry, content), missing, parallel)


def download_files(
    client: Client,
    version: str,
    entries: Iterable[version_pb2.FileEntry],
    target: Path,
    progress: Progress = silent,
    *,
    parallel: int = PARALLEL_FILES,
) -> None:
    """Writes files of a READY version below ``target``, ``parallel`` at once.

    Files that are there with their digest are kept, a partial one goes on at its last byte. Raises DataLoss for a path
    that leaves the target, and for bytes that do not match their digest.
    """
    places = [(entry, inside(target, entry.path)) for entry in entries]
    transfer = _Transfer(client, version, progress)
    transfer.each(lambda one: transfer.download(*one), places, parallel)


class _Transfer:
    """Files of one version on their way. Those that are under way end early once ``_stop`` is set."""

    def __init__(self, client: Client, version: str, progress: Progress) -> None:
        self._client = client
        self._version = version
        self._tell = progress
        self._telling = threading.Lock()
        self._stop = threading.Event()

    def each(self, work: Callable[[ItemT], None], items: Sequence[ItemT], parallel: int) -> None:
        """Does the work on every item. After a failure no further one is begun. Raises the first failure."""

        def begin(item: ItemT) -> None:
            self._go_on()
            try:
                work(item)
            except BaseException:
                self._stop.set()
                raise

        with ThreadPoolExecutor(max(parallel, 1), thread_name_prefix="spiritsafe-transfer") as pool:
            futures = [pool.submit(begin, item) for item in items]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                # Also where the waiting itself was interrupted.
                self._stop.set()
                for future in futures:
                    future.cancel()
        failures = [error for one in futures if not one.cancelled() and (error := one.exception())]
        for failure in sorted(failures, key=lambda error: isinstance(error, _Stopped)):
            raise failure

    def upload(self, entry: version_pb2.FileEntry, content: Content) -> None:
        """Sends one file; again from its start where the stream was cut, once more where its bytes arrived damaged."""
        damaged, cut = False, 0
        while True:
            try:
                return self._send(entry, content)
            except _Damaged as error:
                if damaged:
                    raise error.found from None
                damaged = True
            except SpiritsafeError as error:
                cut += 1
                self._wait(error, cut)
                # The server may have had all of it by then.
                if entry.path not in _missing(self._client, self._version):
                    return None

    def _send(self, entry: version_pb2.FileEntry, content: Content) -> None:
        def stoppable(asked: version_pb2.FileEntry) -> Iterator[bytes]:
            for number, chunk in enumerate(content(asked)):
                if number:
                    self._go_on()
                yield chunk

        if presigned.upload(self._client, self._version, entry, stoppable, self._progress):
            return
        failures: list[SpiritsafeError] = []
        try:
            self._client.artifacts.UploadFile(_until_failure(self._requests(entry, stoppable), failures))
        except SpiritsafeError as error:
            found = failures[0] if failures else error
            if failures and isinstance(found, DataLoss):
                raise _Damaged(found) from None
            raise found from None

    def _requests(self, entry: version_pb2.FileEntry, content: Content) -> Iterator[artifact_pb2.UploadFileRequest]:
        header = artifact_pb2.UploadHeader(version=self._version, path=entry.path)
        yield artifact_pb2.UploadFileRequest(header=header)
        done = 0
        for chunk in content(entry):
            yield artifact_pb2.UploadFileRequest(chunk=chunk)
            done += len(chunk)
            self._progress(entry.path, done, entry.size_bytes)

    def download(self, entry: version_pb2.FileEntry, place: Path) -> None:
        """Fetches one file unless it is there."""
        if place.is_file() and file_digest(place) == entry.sha256:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(place.name + _PARTIAL)
        if partial.exists() and partial.stat().st_size > entry.size_bytes:
            partial.unlink()
        with partial.open("ab") as file:
            if file.tell() < entry.size_bytes:
                presigned.download(self._client, self._version, entry, file, self._progress)
            self._fetch_rest(entry, file)
        if file_digest(partial) != entry.sha256:
            partial.unlink()
            raise DataLoss(
                f"{entry.path} of {self._version} does not match its digest {entry.sha256}",
                reason="DIGEST_MISMATCH",
                remedy="download again; if it repeats, the stored content is damaged",
            )
        partial.replace(place)

    def _fetch_rest(self, entry: version_pb2.FileEntry, file: BinaryIO) -> None:
        """Appends what is missing; a stream that was cut after some bytes is followed by one that begins there."""
        while (before := file.tell()) < entry.size_bytes:
            try:
                self._fetch(entry, file)
                return
            except SpiritsafeError as error:
                # Without any byte it was repeated already: every call is.
                if file.tell() == before:
                    raise
                self._wait(error, 1)

    def _fetch(self, entry: version_pb2.FileEntry, file: BinaryIO) -> None:
        request = artifact_pb2.DownloadFileRequest(version=self._version, path=entry.path, offset_bytes=file.tell())
        for response in self._client.artifacts.DownloadFile(request):
            self._go_on()
            file.write(response.chunk)
            self._progress(entry.path, file.tell(), entry.size_bytes)

    def _progress(self, path: str, done: int, total: int) -> None:
        with self._telling:
            self._tell(path, done, total)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _Stopped("another file failed")

    def _wait(self, error: SpiritsafeError, failures: int) -> None:
        """Waits before a repetition. Raises the error where the client's policy has none."""
        policy = self._client.connection.retry
        # What a store refused or cut was repeated already.
        spent = failures >= policy.attempts or error.reason == presigned.TRANSFER_FAILED
        if spent or not is_transient(error):
            raise error
        time.sleep(policy.wait_seconds(failures, random.random(), error.retry_seconds))  # noqa: S311 - no secret


class _Damaged(Exception):
    """The bytes that came from their source are not those of the manifest."""

    def __init__(self, found: DataLoss) -> None:
        super().__init__(found)
        self.found = found


def _missing(client: Client, version: str) -> Sequence[str]:
    request = artifact_pb2.ListMissingFilesRequest(version=version)
    return client.artifacts.ListMissingFiles(request).paths


def _until_failure(
    requests: Iterator[artifact_pb2.UploadFileRequest], failures: list[SpiritsafeError]
) -> Iterator[artifact_pb2.UploadFileRequest]:
    # An exception in here would reach the caller as no more than a cancelled call, so the stream just ends; the server
    # then says that bytes are missing, and ``failures`` why.
    try:
        yield from requests
    except SpiritsafeError as error:
        failures.append(error)
