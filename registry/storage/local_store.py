"""The artifact store in a folder: a blob lies at ``ab/abcdef…``, named by its SHA-256."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from registry.errors import not_found
from registry.storage.artifacts import Blob, DirectAccess
from registry.storage.receiving import check_digest, check_size, is_digest, verified
from spiritsafe.errors import ResourceExhausted, Unavailable

CHUNK_BYTES = 1 << 20
_INCOMING = "incoming"
# The file system is full, a quota is reached, or the largest file that is allowed.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LocalStore:
    """Content-addressed files below ``root``, which must be one file system.

    Content arrives in a temporary file; only once size and digest fit and the bytes are on disk does one atomic rename
    make it visible. Several processes may share a root: the same content twice is the same file. What a killed process
    left half-written is removed when the store is opened next.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            _remove_unless_locked(leftover)

    @property
    def location(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def direct(self) -> DirectAccess | None:
        """None: a folder has no address of its own."""
        return None

    def check(self) -> None:
        """Raises Unavailable where nothing can be written to the folder."""
        if not os.access(self._incoming, os.W_OK | os.X_OK):
            raise Unavailable(
                f"cannot write to {self._root}",
                reason="STORE_UNUSABLE",
                remedy="let the registry's user write to its home folder",
            )

    def has(self, sha256: str) -> bool:
        """Whether the verified content is there."""
        return self._place(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Bytes of the content. Raises NotFound."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError as error:
            raise not_found(f"content {sha256}") from error

    def sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """Bytes of the content of each of these digests that is there."""
        found = {}
        for sha256 in digests:
            with suppress(FileNotFoundError):
                found[sha256] = self._place(sha256).stat().st_size
        return found

    def put(self, sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> int:
        """Stores the content and gives its size; content that is there already is not read again.

        Raises:
            DataLoss: size or digest differ. Nothing is kept, as with any error of ``chunks`` itself.
            ResourceExhausted: there is no room for it.
        """
        place = self._place(sha256)
        if place.is_file():
            return check_size(sha256, self.size(sha256), size_bytes)
        with _room_for(sha256, size_bytes), _temporary(self._incoming) as (file, path):
            _receive(file, sha256, size_bytes, chunks)
            place.parent.mkdir(exist_ok=True)
            # While it is locked: once it is not, another process may take it for a leftover.
            path.replace(place)
            _sync_folder(place.parent)
            _sync_folder(self._root)
        return size_bytes

    def read(self, sha256: str, offset_bytes: int = 0) -> Iterator[bytes]:
        """Chunks of at most 1 MiB from that byte on. Raises NotFound at once, not at the first chunk."""
        place = self._place(sha256)
        if not place.is_file():
            raise not_found(f"content {sha256}")
        return _chunks(place, offset_bytes)

    def verify(self, sha256: str) -> bool:
        """Re-reads the content and compares its digest; False when it is not there."""
        try:
            with self._place(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def blobs(self, after: str = "") -> Iterator[Blob]:
        """All content in the order of its digests, from the first one beyond ``after`` on."""
        for folder in sorted(self._root.glob("??")):
            if folder.name < after[:2]:
                continue
            for name in sorted(path.name for path in folder.iterdir() if path.name > after):
                with suppress(FileNotFoundError):  # another process collects as well
                    status = (folder / name).stat()
                    if is_digest(name):
                        yield Blob(name, status.st_size, status.st_mtime_ns // 1000)

    def delete(self, digests: Sequence[str]) -> None:
        """Removes content; what is not there is no error."""
        for sha256 in digests:
            self._place(sha256).unlink(missing_ok=True)

    def abandoned(self, before: int) -> Iterator[str]:
        """The names of what killed processes left half-written before that time."""
        for path in sorted(self._incoming.iterdir()):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime_ns // 1000 < before and not _is_locked(path):
                    yield path.name

    def abort(self, upload: str) -> None:
        """Removes a half-written file that no living process writes to."""
        _remove_unless_locked(self._incoming / Path(upload).name)

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / check_digest(sha256)


@contextmanager
def _room_for(sha256: str, size_bytes: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise ResourceExhausted(
            f"the artifact store has no room for content {sha256} of {size_bytes} bytes: {error.strerror}",
            reason="STORE_FULL",
            remedy="free space where the registry keeps its artifacts, then repeat the command: files that are stored "
            "already are kept, and nothing of this one is",
            metadata={"sha256": sha256},
        ) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file, locked while it is written to, and removed at the end if it is still there."""
    file, path = _locked_file(folder)
    try:
        with file:
            yield file, path
    finally:
        path.unlink(missing_ok=True)


def _locked_file(folder: Path) -> tuple[BinaryIO, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # A store that was opened before the lock was taken may have removed the file as a leftover.
        if os.fstat(descriptor).st_nlink:
            return os.fdopen(descriptor, "wb"), Path(name)
        os.close(descriptor)


def _remove_unless_locked(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return  # a living process writes to it
    finally:
        os.close(descriptor)


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _receive(file: BinaryIO, sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
    file.writelines(verified(sha256, size_bytes, chunks))
    file.flush()
    os.fsync(file.fileno())


def _chunks(place: Path, offset_bytes: int) -> Iterator[bytes]:
    with place.open("rb") as file:
        file.seek(offset_bytes)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once its folder is on disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
