"""The bytes of versions."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from registry.catalog import files, versions
from registry.context import Registry
from registry.errors import invalid, wrong_state
from registry.services.names import version_of
from registry.storage.lookup import get_version
from registry.storage.tables import File
from spiritsafe.registry.v1 import artifact_pb2, artifact_pb2_grpc

MAX_CHUNK_BYTES = 1 << 20


class ArtifactService(artifact_pb2_grpc.ArtifactServiceServicer):
    """Uploads and downloads.

    An upload changes no row and so leaves no audit event: which content is there is the store's own knowledge, and it
    becomes part of a version only through FinalizeVersion, which is audited with the digest of the whole manifest.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

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
        file = self._declared(first.header)
        size = self._registry.store.put(file.sha256, file.size_bytes, _chunks(request_iterator))
        return artifact_pb2.UploadFileResponse(sha256=file.sha256, size_bytes=size)

    def DownloadFile(
        self, request: artifact_pb2.DownloadFileRequest, context: grpc.ServicerContext
    ) -> Iterator[artifact_pb2.DownloadFileResponse]:
        name = version_of(request.version, "version")
        with self._registry.database.read() as session:
            _, version = get_version(session, name, "version")
            if version.state != versions.READY:
                raise wrong_state(
                    str(name),
                    "is a draft; only finalized content can be fetched",
                    reason="VERSION_NOT_READY",
                    remedy="upload the missing files and finalize it",
                )
            file = files.get_file(session, version, name, request.path)
        if not 0 <= request.offset_bytes <= file.size_bytes:
            raise invalid("offset_bytes", f"must lie between 0 and the file's size, {file.size_bytes}")
        chunks = self._registry.store.read(file.sha256, request.offset_bytes)
        return (artifact_pb2.DownloadFileResponse(chunk=chunk) for chunk in chunks)

    def _declared(self, header: artifact_pb2.UploadHeader) -> File:
        name = version_of(header.version, "header.version")
        with self._registry.database.read() as session:
            node, version = get_version(session, name, "header.version")
            versions.check_draft(node, version)
            return files.get_file(session, version, name, header.path)


def _chunks(requests: Iterator[artifact_pb2.UploadFileRequest]) -> Iterator[bytes]:
    for request in requests:
        if not request.HasField("chunk"):
            raise invalid("header", "came twice", remedy="send each file in a call of its own")
        if len(request.chunk) > MAX_CHUNK_BYTES:
            raise invalid("chunk", f"is {len(request.chunk)} bytes long; at most {MAX_CHUNK_BYTES} fit one message")
        yield request.chunk
