"""The bytes of versions."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import grpc
from sqlmodel import Session

from registry.catalog import files, versions
from registry.clock import to_timestamp
from registry.context import Registry
from registry.detection import records
from registry.errors import invalid, wrong_state
from registry.hub.mirror import Work, find_work, mirror
from registry.services.names import version_of
from registry.services.scans import scan_version
from registry.storage.artifacts import SignedRequest
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import File
from spiritsafe.registry.v1 import artifact_pb2, artifact_pb2_grpc, finding_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

MAX_CHUNK_BYTES = 1 << 20
# More wait their turn: a hub answers as slowly as it likes, and a server has better things to do.
MIRRORS_AT_ONCE = 2
COMPLETIONS_AT_ONCE = 2


class _Place(Protocol):
    """A request, or a part of one, that names a file."""

    version: str
    path: str


class ArtifactService(artifact_pb2_grpc.ArtifactServiceServicer):
    """Uploads, downloads, and fetching what lies on a hub.

    An upload, through the server or past it, or a mirrored file changes no row and so leaves no audit event: which
    content is there is the store's own knowledge, and it becomes part of a version only through FinalizeVersion, which
    is audited with the digest of the whole manifest. The scan that follows the last mirrored file is a change, and is
    audited as a rescan.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._mirrors = asyncio.Semaphore(MIRRORS_AT_ONCE)
        self._completions = asyncio.Semaphore(COMPLETIONS_AT_ONCE)

    def ListMissingFiles(
        self, request: artifact_pb2.ListMissingFilesRequest, context: grpc.ServicerContext
    ) -> artifact_pb2.ListMissingFilesResponse:
        name = version_of(request.version, "version")
        with self._registry.database.read() as session:
            _, version = get_version(session, name, "version")
            declared = files.files_of(session, [version.id])
        return artifact_pb2.ListMissingFilesResponse(paths=files.missing(self._registry.store, declared))

    def UploadFile(
        self, request_iterator: Iterator[artifact_pb2.UploadFileRequest], context: grpc.ServicerContext
    ) -> artifact_pb2.UploadFileResponse:
        """Content that the store holds already is answered at once, without reading the stream."""
        first = next(request_iterator, None)
        if first is None or not first.HasField("header"):
            raise invalid("header", "is missing", remedy="send the version and the path first, then the chunks")
        file = self._declared(first.header, "header.")
        size = self._registry.store.put(file.sha256, file.size_bytes, _chunks(request_iterator))
        return artifact_pb2.UploadFileResponse(sha256=file.sha256, size_bytes=size)

    def DownloadFile(
        self, request: artifact_pb2.DownloadFileRequest, context: grpc.ServicerContext
    ) -> Iterator[artifact_pb2.DownloadFileResponse]:
        file = self._finalized(request)
        if not 0 <= request.offset_bytes <= file.size_bytes:
            raise invalid("offset_bytes", f"must lie between 0 and the file's size, {file.size_bytes}")
        chunks = self._registry.store.read(file.sha256, request.offset_bytes)
        return (artifact_pb2.DownloadFileResponse(chunk=chunk) for chunk in chunks)

    def BeginUpload(
        self, request: artifact_pb2.BeginUploadRequest, context: grpc.ServicerContext
    ) -> artifact_pb2.BeginUploadResponse:
        file, store = self._declared(request, ""), self._registry.store
        if store.has(file.sha256):
            return artifact_pb2.BeginUploadResponse(way=artifact_pb2.TRANSFER_WAY_STORED)
        if store.direct is None or not file.size_bytes or not store.direct.offers():
            return artifact_pb2.BeginUploadResponse(way=artifact_pb2.TRANSFER_WAY_SERVER)
        offer = store.direct.begin(file.sha256, file.size_bytes, restart=request.restart)
        return artifact_pb2.BeginUploadResponse(
            way=artifact_pb2.TRANSFER_WAY_DIRECT,
            parts=[
                artifact_pb2.DirectPart(number=part.number, size_bytes=part.size_bytes, request=_message(part.request))
                for part in offer.parts
            ],
            part_bytes=offer.part_bytes,
            more_parts=offer.more,
        )

    async def CompleteUpload(
        self, request: artifact_pb2.CompleteUploadRequest, context: grpc.ServicerContext
    ) -> artifact_pb2.CompleteUploadResponse:
        """On threads of its own: all that was sent in parts is read."""
        async with self._completions:
            return await asyncio.to_thread(self._complete, request)

    def _complete(self, request: artifact_pb2.CompleteUploadRequest) -> artifact_pb2.CompleteUploadResponse:
        file, store = self._declared(request, ""), self._registry.store
        size = store.size(file.sha256) if store.direct is None else store.direct.complete(file.sha256, file.size_bytes)
        return artifact_pb2.CompleteUploadResponse(sha256=file.sha256, size_bytes=size)

    def GetDownloadUrl(
        self, request: artifact_pb2.GetDownloadUrlRequest, context: grpc.ServicerContext
    ) -> artifact_pb2.GetDownloadUrlResponse:
        file, direct = self._finalized(request), self._registry.store.direct
        if direct is None or not file.size_bytes:
            return artifact_pb2.GetDownloadUrlResponse(way=artifact_pb2.TRANSFER_WAY_SERVER)
        return artifact_pb2.GetDownloadUrlResponse(
            way=artifact_pb2.TRANSFER_WAY_DIRECT, request=_message(direct.download(file.sha256))
        )

    async def MirrorFiles(
        self, request: artifact_pb2.MirrorFilesRequest, context: grpc.ServicerContext
    ) -> AsyncIterator[artifact_pb2.MirrorFilesResponse]:
        """On threads of its own: those of the other methods must not wait for a hub."""
        name = version_of(request.version, "version")
        async with self._mirrors:
            work = await asyncio.to_thread(self._work, name)
            async for message in self._mirror(name, work):
                yield message

    async def _mirror(self, name: VersionName, work: Work) -> AsyncIterator[artifact_pb2.MirrorFilesResponse]:
        """Reports of a thread that does the work, until it has done it or the caller leaves. Raises its error."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        reports: asyncio.Queue[artifact_pb2.MirrorFilesResponse | Exception | None] = asyncio.Queue()

        def put(item: artifact_pb2.MirrorFilesResponse | Exception | None) -> None:
            loop.call_soon_threadsafe(reports.put_nowait, item)

        def work_off() -> None:
            try:
                mirror(self._registry.store, self._registry.hub, work, put, stop.is_set)
                self._scan(name, work)
                put(None)
            except Exception as error:  # noqa: BLE001 - raised where the reports are read
                put(error)

        # With the caller of this call, who stands in the audit event of the scan.
        loop.run_in_executor(None, contextvars.copy_context().run, work_off)
        try:
            while (item := await reports.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            stop.set()

    def _scan(self, name: VersionName, work: Work) -> None:
        """Scans a finalized version whose last external files have just come; finalizing scans a draft."""
        if not work.missing or not work.ready:
            return
        seen = scan_version(self._registry, name)

        def act(session: Session, _caller: Caller) -> tuple[artifact_pb2.MirrorFilesResponse, Event]:
            found = get_version(session, name, "version")
            return artifact_pb2.MirrorFilesResponse(), records.rescan(session, *found, seen)

        request = finding_pb2.RescanVersionRequest(version=str(name))
        self._registry.mutate("ArtifactService/MirrorFiles", request, artifact_pb2.MirrorFilesResponse, act)

    def _work(self, name: VersionName) -> Work:
        with self._registry.database.read() as session:
            return find_work(session, self._registry.store, name)

    def _declared(self, place: _Place, within: str) -> File:
        """The file of a draft that is to be uploaded; ``within`` is where the request holds its place."""
        name = version_of(place.version, f"{within}version")
        with self._registry.database.read() as session:
            node, version = get_version(session, name, f"{within}version")
            versions.check_draft(node, version)
            return files.get_file(session, version, name, place.path)

    def _finalized(self, place: _Place) -> File:
        """The file of a finalized version that is to be fetched, whose content is here."""
        name = version_of(place.version, "version")
        with self._registry.database.read() as session:
            _, version = get_version(session, name, "version")
            if version.state != versions.READY:
                raise wrong_state(
                    str(name),
                    "is a draft; only finalized content can be fetched",
                    reason="VERSION_NOT_READY",
                    remedy="upload the missing files and finalize it",
                )
            file = files.get_file(session, version, name, place.path)
        files.check_here(self._registry.store, file, name)
        return file


def _message(request: SignedRequest) -> artifact_pb2.DirectRequest:
    return artifact_pb2.DirectRequest(
        method=request.method, url=request.url, headers=request.headers, expire_time=to_timestamp(request.expires)
    )


def _chunks(requests: Iterator[artifact_pb2.UploadFileRequest]) -> Iterator[bytes]:
    for request in requests:
        if not request.HasField("chunk"):
            raise invalid("header", "came twice", remedy="send each file in a call of its own")
        if len(request.chunk) > MAX_CHUNK_BYTES:
            raise invalid("chunk", f"is {len(request.chunk)} bytes long; at most {MAX_CHUNK_BYTES} fit one message")
        yield request.chunk
