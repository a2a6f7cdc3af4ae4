"""Whole versions between a folder, or any other place, and the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from spiritsafe.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Violation
from spiritsafe.registry.v1 import dataset_pb2, model_pb2, version_pb2
from spiritsafe.rpc.names import NodeName
from spiritsafe.transfer import (
    CHUNK_BYTES,
    PARALLEL_FILES,
    Content,
    Progress,
    download_files,
    file_chunks,
    file_digest,
    silent,
    upload_file,
    upload_missing,
)

if TYPE_CHECKING:
    from spiritsafe.client import Client

__all__ = [
    "CHUNK_BYTES",
    "Content",
    "Progress",
    "download_version",
    "ensure_node",
    "file_chunks",
    "file_digest",
    "folder_manifest",
    "publish_content",
    "publish_once",
    "publish_version",
    "request_uuid",
    "upload_file",
]


def folder_manifest(folder: Path) -> list[version_pb2.FileEntry]:
    """Every file below ``folder``, sorted by path. Raises InvalidArgument when there is none."""
    if not folder.is_dir():
        raise _bad_folder(f"{folder} is not a folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise _bad_folder(f"{folder} holds no files")
    return [
        version_pb2.FileEntry(
            path=path.relative_to(folder).as_posix(), size_bytes=path.stat().st_size, sha256=file_digest(path)
        )
        for path in files
    ]


def publish_version(
    client: Client,
    parent: str,
    version: version_pb2.Version,
    folder: Path | None,
    request_id: str = "",
    progress: Progress = silent,
) -> version_pb2.Version:
    """Declares ``version`` under ``parent`` with the files of ``folder``, uploads what is missing and finalizes.

    With the same ``request_id`` (a UUID) an interrupted call goes on where it stopped, and a finished one is answered
    with the version that it made; one that was deleted since is made again. ``version.files`` is overwritten. Without
    a ``folder`` it has no files, which a registry takes for imported versions only: their bytes stay where they were
    published.

    Raises:
        SpiritsafeError: the server refused; DataLoss where a file changed on the way.
    """
    request = UUID(request_id) if request_id else uuid4()
    return _publish(client, parent, _declared(version, folder), _content_of(folder), request, progress, PARALLEL_FILES)


def publish_once(
    client: Client, parent: str, version: version_pb2.Version, folder: Path | None, progress: Progress = silent
) -> version_pb2.Version:
    """As ``publish_version``, but what the caller declared of equal content before is found, not published again.

    Content is all of ``version`` and the manifest of the files, so other licences or parents make another version.
    """
    declared = _declared(version, folder)
    return publish_content(client, parent, declared, _content_of(folder), progress, parallel=PARALLEL_FILES)


def publish_content(
    client: Client,
    parent: str,
    declared: version_pb2.Version,
    content: Content,
    progress: Progress = silent,
    *,
    parallel: int = 1,
) -> version_pb2.Version:
    """As ``publish_once``, with the files that ``declared`` lists; ``content`` is asked for those that are missing, by
    ``parallel`` threads at once.
    """
    request = UUID(request_uuid(parent, declared.SerializeToString(deterministic=True).hex()))
    return _publish(client, parent, declared, content, request, progress, parallel)


def _declared(version: version_pb2.Version, folder: Path | None) -> version_pb2.Version:
    declared = version_pb2.Version()
    declared.CopyFrom(version)
    del declared.files[:]
    declared.files.extend(folder_manifest(folder) if folder else ())
    return declared


def _publish(
    client: Client,
    parent: str,
    declared: version_pb2.Version,
    content: Content,
    request: UUID,
    progress: Progress,
    parallel: int,
) -> version_pb2.Version:
    draft, request = _draft(client, parent, declared, request)
    if draft.state == version_pb2.VERSION_STATE_READY:
        return draft
    if declared.files:
        upload_missing(client, draft.name, declared.files, content, progress, parallel=parallel)
    finalize = version_pb2.FinalizeVersionRequest(name=draft.name, request_id=str(uuid5(request, "finalize")))
    return client.versions.FinalizeVersion(finalize).version


def _content_of(folder: Path | None) -> Content:
    def content(entry: version_pb2.FileEntry) -> Iterator[bytes]:
        return file_chunks(folder / entry.path) if folder else iter(())

    return content


def _draft(
    client: Client, parent: str, declared: version_pb2.Version, request: UUID
) -> tuple[version_pb2.Version, UUID]:
    """The version that the request makes or made, as it is now, and the request that made it."""
    while True:
        create = version_pb2.CreateVersionRequest(parent=parent, version=declared, request_id=str(request))
        created = client.versions.CreateVersion(create).version
        # A repeated request is answered with what it was answered at first: only a read tells what became of it.
        with suppress(NotFound):
            found = client.versions.GetVersion(version_pb2.GetVersionRequest(name=created.name)).version
            if not found.HasField("delete_time"):
                return found, request
        request = uuid5(request, created.name)


def download_version(client: Client, name: str, target: Path, progress: Progress = silent) -> Path:
    """Writes every file of a READY version below ``target`` and returns ``target``.

    Files that are there with their digest are kept, a partial one goes on at its last byte.

    Raises:
        FailedPrecondition: the version is a draft.
        DataLoss: a path of the manifest leaves the target, or bytes do not match their digest.
    """
    version = client.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
    if version.state != version_pb2.VERSION_STATE_READY:
        raise FailedPrecondition(f"{name} is not finalized", remedy="finalize it, or download another version")
    target.mkdir(parents=True, exist_ok=True)
    download_files(client, name, version.files, target, progress)
    return target


def ensure_node(
    client: Client,
    node: NodeName,
    display_name: str = "",
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Creates the model or dataset where it does not exist; its public name is ``display_name``, else its id."""
    parent = f"namespaces/{node.namespace}"
    fields: Any = {"display_name": display_name or node.id, "description": description, "tags": dict(tags or {})}
    try:
        if node.collection == "models":
            client.models.GetModel(model_pb2.GetModelRequest(name=str(node)))
        else:
            client.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=str(node)))
        return
    except NotFound:
        pass
    try:
        if node.collection == "models":
            model = model_pb2.Model(**fields)
            client.models.CreateModel(model_pb2.CreateModelRequest(parent=parent, model_id=node.id, model=model))
        else:
            dataset = dataset_pb2.Dataset(**fields)
            client.datasets.CreateDataset(
                dataset_pb2.CreateDatasetRequest(parent=parent, dataset_id=node.id, dataset=dataset)
            )
    except AlreadyExists:
        # Somebody else was faster.
        return


def request_uuid(*parts: str) -> str:
    """A request id that is the same for the same parts, so that repeating a call after a crash repeats nothing."""
    return str(uuid5(NAMESPACE_URL, "spiritsafe:" + "/".join(parts)))


def _bad_folder(description: str) -> InvalidArgument:
    return InvalidArgument(
        description,
        reason="EMPTY_FOLDER",
        remedy="name a folder with the files of the version",
        violations=(Violation("folder", description),),
    )
