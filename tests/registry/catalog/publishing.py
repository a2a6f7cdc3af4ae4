"""Short ways to publish through a real client. Kinds and edge types are given in their stored form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from registry.wire import enum_number
from spiritsafe.client import Client
from spiritsafe.registry.v1 import artifact_pb2, dataset_pb2, model_pb2, version_pb2
from spiritsafe.registry.v1.version_pb2 import Version

NAMESPACE = "namespaces/default"
FILES = {"config.json": b"{}"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model(client: Client, model_id: str, **fields: Any) -> str:
    """Creates a model and gives its name."""
    request = model_pb2.CreateModelRequest(parent=NAMESPACE, model_id=model_id, model=model_pb2.Model(**fields))
    return client.models.CreateModel(request).model.name


def dataset(client: Client, dataset_id: str) -> str:
    """Creates a dataset and gives its name."""
    request = dataset_pb2.CreateDatasetRequest(parent=NAMESPACE, dataset_id=dataset_id)
    return client.datasets.CreateDataset(request).dataset.name


def edge(type_: str, parent: str) -> version_pb2.Edge:
    return version_pb2.Edge(type=enum_number(version_pb2.EdgeType, type_), parent=parent)


def manifest(
    kind: str = "full",
    files: Mapping[str, bytes] = FILES,
    edges: Iterable[tuple[str, str]] = (),
    **fields: Any,
) -> Version:
    """What a CreateVersion request carries."""
    return Version(
        kind=enum_number(version_pb2.VersionKind, kind),
        files=[
            version_pb2.FileEntry(path=path, size_bytes=len(content), sha256=sha256(content))
            for path, content in files.items()
        ],
        edges=[edge(*one) for one in edges],
        **fields,
    )


def declare(client: Client, parent: str, version: Version | None = None, **options: Any) -> Version:
    """Creates a draft; ``options`` are the request's further fields."""
    request = version_pb2.CreateVersionRequest(parent=parent, version=version or manifest(), **options)
    return client.versions.CreateVersion(request).version


def upload_requests(name: str, path: str, *chunks: bytes) -> Iterator[artifact_pb2.UploadFileRequest]:
    yield artifact_pb2.UploadFileRequest(header=artifact_pb2.UploadHeader(version=name, path=path))
    for chunk in chunks:
        yield artifact_pb2.UploadFileRequest(chunk=chunk)


def upload(client: Client, name: str, path: str, *chunks: bytes) -> artifact_pb2.UploadFileResponse:
    return client.artifacts.UploadFile(upload_requests(name, path, *chunks))


def finalize(client: Client, name: str, **options: Any) -> Version:
    return client.versions.FinalizeVersion(version_pb2.FinalizeVersionRequest(name=name, **options)).version


def publish(
    client: Client, parent: str, kind: str = "full", files: Mapping[str, bytes] = FILES, **fields: Any
) -> Version:
    """Declares, uploads and finalizes."""
    draft = declare(client, parent, manifest(kind, files, **fields))
    for path, content in files.items():
        upload(client, draft.name, path, content)
    return finalize(client, draft.name)


def missing(client: Client, name: str) -> list[str]:
    request = artifact_pb2.ListMissingFilesRequest(version=name)
    return list(client.artifacts.ListMissingFiles(request).paths)


def download(client: Client, name: str, path: str, offset: int = 0) -> bytes:
    request = artifact_pb2.DownloadFileRequest(version=name, path=path, offset_bytes=offset)
    return b"".join(response.chunk for response in client.artifacts.DownloadFile(request))


def get(client: Client, name: str) -> Version:
    return client.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
