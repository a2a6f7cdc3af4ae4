"""Files between here and the registry's store itself, with requests that the server signs: plain HTTP, part by part.

Both functions give False where the bytes must go through the server: it keeps them itself, or its store cannot be
reached from here. What was sent or fetched until then is not lost to a store that has it.
"""

from __future__ import annotations

import http.client
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from spiritsafe.errors import DataLoss, Unavailable
from spiritsafe.registry.v1 import artifact_pb2, version_pb2

if TYPE_CHECKING:
    from spiritsafe.client import Client

Progress = Callable[[str, int, int], None]
Content = Callable[[version_pb2.FileEntry], Iterable[bytes]]
# Smaller files are faster through the server than with a question before.
WORTHWHILE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60.0
# The reason of the error after too many tries.
TRANSFER_FAILED = "STORE_TRANSFER_FAILED"
TRIES = 5
_FIRST_WAIT_SECONDS = 0.2
_EXISTS, _EXPIRED = 412, 403
_TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504)
_DAMAGED = ("BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
_CODE = re.compile(rb"<Code>(\w+)</Code>")
_ERROR_BYTES = 4096


class _Refused(Exception):
    """The store answered with this status and, where it gave one, this word of its own."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


class _Broken(Exception):
    """No answer, or one that was cut off."""


class _Unreachable(Exception):
    """The store could not be reached at all."""


def upload(client: Client, version: str, entry: version_pb2.FileEntry, content: Content, progress: Progress) -> bool:
    """Sends one declared file of a draft straight to the store; parts that are there already are not sent again.

    Raises DataLoss where the bytes are not those of the manifest, after a second try with all of them, and Unavailable
    where the store fails too often.
    """
    if entry.size_bytes < WORTHWHILE_BYTES:
        return False
    try:
        return _Upload(client, version, entry, progress).send(content, restart=False)
    except DataLoss:
        return _Upload(client, version, entry, progress).send(content, restart=True)
    except _Unreachable:
        return False


def download(client: Client, version: str, entry: version_pb2.FileEntry, file: BinaryIO, progress: Progress) -> bool:
    """Appends the bytes that ``file``, open for appending, lacks; they are not compared with their digest.

    Raises Unavailable where the store fails too often.
    """
    if entry.size_bytes < WORTHWHILE_BYTES:
        return False
    request, tries, reached = _location(client, version, entry), 0, False
    while request is not None and (before := file.tell()) < entry.size_bytes:
        try:
            for chunk in _chunks(request, before, entry.size_bytes):
                file.write(chunk)
                progress(entry.path, file.tell(), entry.size_bytes)
        except (_Refused, _Broken) as error:
            moved = file.tell() > before
            reached = reached or moved or isinstance(error, _Refused)
            tries = 1 if moved else tries + 1
            if not reached and tries == TRIES:
                return False
            _wait(error, tries)
            request = _location(client, version, entry)
    return request is not None


class _Upload:
    """One file on its way: what the server offers for it, and the parts that are sent with that."""

    def __init__(self, client: Client, version: str, entry: version_pb2.FileEntry, progress: Progress) -> None:
        self._client = client
        self._version = version
        self._entry = entry
        self._progress = progress

    def send(self, content: Content, *, restart: bool) -> bool:
        offer = self._begin(restart=restart)
        if offer.way != artifact_pb2.TRANSFER_WAY_DIRECT:
            return offer.way == artifact_pb2.TRANSFER_WAY_STORED
        done = 0
        for number, body in enumerate(_cut(content(self._entry), offer.part_bytes), start=1):
            if offer.more_parts and number > offer.parts[-1].number:
                offer = self._begin()
            offer = self._send_part(offer, number, body)
            done += len(body)
            self._progress(self._entry.path, done, self._entry.size_bytes)
        if done != self._entry.size_bytes:
            raise _other_bytes(self._entry.path)
        request = artifact_pb2.CompleteUploadRequest(version=self._version, path=self._entry.path)
        self._client.artifacts.CompleteUpload(request)
        return True

    def _begin(self, *, restart: bool = False) -> artifact_pb2.BeginUploadResponse:
        request = artifact_pb2.BeginUploadRequest(version=self._version, path=self._entry.path, restart=restart)
        return self._client.artifacts.BeginUpload(request)

    def _send_part(
        self, offer: artifact_pb2.BeginUploadResponse, number: int, body: bytes
    ) -> artifact_pb2.BeginUploadResponse:
        """Sends a part unless the store holds it, and gives the offer that is in force now."""
        tries = 0
        while (part := _part(offer, number)) is not None:
            if len(body) != part.size_bytes:
                raise _other_bytes(self._entry.path)
            try:
                _put(part.request, body)
                return offer
            except (_Refused, _Broken) as error:
                if isinstance(error, _Refused) and error.code in _DAMAGED:
                    raise _other_bytes(self._entry.path) from error
                tries += 1
                if tries == TRIES and number == 1 and not isinstance(error, _Refused):
                    raise _Unreachable from error
                _wait(error, tries)
                offer = self._begin()
        return offer


def _part(offer: artifact_pb2.BeginUploadResponse, number: int) -> artifact_pb2.DirectPart | None:
    return next((part for part in offer.parts if part.number == number), None)


def _cut(chunks: Iterable[bytes], part_bytes: int) -> Iterator[bytes]:
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= part_bytes:
            yield bytes(buffer[:part_bytes])
            del buffer[:part_bytes]
    if buffer:
        yield bytes(buffer)


def _location(client: Client, version: str, entry: version_pb2.FileEntry) -> artifact_pb2.DirectRequest | None:
    request = artifact_pb2.GetDownloadUrlRequest(version=version, path=entry.path)
    answer = client.artifacts.GetDownloadUrl(request)
    return answer.request if answer.way == artifact_pb2.TRANSFER_WAY_DIRECT else None


def _put(request: artifact_pb2.DirectRequest, body: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    try:
        with _transport(), _open(request, headers, body) as answer:
            answer.read()
    except _Refused as refused:
        if refused.status != _EXISTS:
            raise


def _chunks(request: artifact_pb2.DirectRequest, done: int, size_bytes: int) -> Iterator[bytes]:
    """The bytes from ``done`` on. Raises _Broken where fewer arrive."""
    headers = {"Range": f"bytes={done}-{size_bytes - 1}"}
    with _transport(), _open(request, headers) as answer:
        if done and answer.status != http.client.PARTIAL_CONTENT:
            raise _Refused(answer.status)
        while done < size_bytes and (chunk := answer.read(min(CHUNK_BYTES, size_bytes - done))):
            done += len(chunk)
            yield chunk
    if done < size_bytes:
        raise _Broken


def _open(
    request: artifact_pb2.DirectRequest, headers: Mapping[str, str], body: bytes | None = None
) -> http.client.HTTPResponse:
    if not request.url.startswith(("http://", "https://")):
        raise _Refused(0)
    # http or https, as checked, and no file of this machine.
    sent = urllib.request.Request(request.url, body, {**request.headers, **headers}, method=request.method)  # noqa: S310
    answer: http.client.HTTPResponse = urllib.request.urlopen(sent, timeout=TIMEOUT_SECONDS)  # noqa: S310
    return answer


@contextmanager
def _transport() -> Iterator[None]:
    """Raises _Refused for any answer that is no success, and _Broken where none comes."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            code = _CODE.search(error.read(_ERROR_BYTES))
        raise _Refused(error.code, code[1].decode() if code else "") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(type(error).__name__) from error


def _wait(error: _Refused | _Broken, tries: int) -> None:
    """Waits longer each time, and by chance, before a further try. Raises Unavailable where that is of no use."""
    transient = isinstance(error, _Broken) or error.status in (*_TRANSIENT, _EXPIRED) or error.code == "RequestTimeout"
    if tries >= TRIES or not transient:
        said = f"answers {error.status}" if isinstance(error, _Refused) else "breaks off"
        raise Unavailable(
            f"the registry's store {said}",
            reason=TRANSFER_FAILED,
            remedy="repeat the command later; parts that arrived are kept",
        ) from error
    time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**tries))  # noqa: S311 - no secret


def _other_bytes(path: str) -> DataLoss:
    return DataLoss(
        f"the bytes of {path} are not those of the manifest",
        reason="DIGEST_MISMATCH",
        remedy="send the whole file again, or declare a version with the digest that it has now",
    )
