"""Whole versions between a folder, or any other place, and the registry: digests verified, resumable at file level."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from spiritsafe.client import Client
from spiritsafe.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, SpiritsafeError, Violation
from spiritsafe.places import inside
from spiritsafe.registry.v1 import artifact_pb2, version_pb2

CHUNK_BYTES = 1 << 20
Progress = Callable[[str, int, int], None]
"""Called with the path inside the version, the bytes done and the bytes in all of that file."""
Content = Callable[[version_pb2.FileEntry], Iterable[bytes]]
"""Gives the bytes of a declared file, in chunks of at most 1 MiB."""
_PARTIAL = ".partial"


def _silent(_path: str, _done: int, _total: int) -> None:
    pass


def file_digest(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    progress: Progress = _silent,
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
    return _publish(client, parent, _declared(version, folder), _content_of(folder), request, progress)


def publish_once(
    client: Client, parent: str, version: version_pb2.Version, folder: Path | None, progress: Progress = _silent
) -> version_pb2.Version:
    """As ``publish_version``, but what the caller declared of equal content before is found, not published again.

    Content is all of ``version`` and the manifest of the files, so other licences or parents make another version.
    """
    return publish_content(client, parent, _declared(version, folder), _content_of(folder), progress)


def publish_content(
    client: Client, parent: str, declared: version_pb2.Version, content: Content, progress: Progress = _silent
) -> version_pb2.Version:
    """As ``publish_once``, with the files that ``declared`` lists; ``content`` is asked for those that are missing."""
    request = UUID(request_uuid(parent, declared.SerializeToString(deterministic=True).hex()))
    return _publish(client, parent, declared, content, request, progress)


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
) -> version_pb2.Version:
    draft, request = _draft(client, parent, declared, request)
    if draft.state == version_pb2.VERSION_STATE_READY:
        return draft
    entries = {entry.path: entry for entry in declared.files}
    if entries:
        missing = client.artifacts.ListMissingFiles(artifact_pb2.ListMissingFilesRequest(version=draft.name)).paths
        for path in missing:
            _upload(client, draft.name, entries[path], content, progress)
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
        try:
            return client.versions.GetVersion(version_pb2.GetVersionRequest(name=created.name)).version, request
        except NotFound:
            request = uuid5(request, created.name)


def upload_file(client: Client, version: str, path: str, source: Path, progress: Progress = _silent) -> None:
    """Sends one declared file of a draft. Raises DataLoss where the server's digest differs from its manifest's."""
    entry = version_pb2.FileEntry(path=path, size_bytes=source.stat().st_size)
    _upload(client, version, entry, lambda _entry: file_chunks(source), progress)


def file_chunks(source: Path) -> Iterator[bytes]:
    """A file's content in chunks of at most 1 MiB."""
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _upload(client: Client, version: str, entry: version_pb2.FileEntry, content: Content, progress: Progress) -> None:
    """Sends one file; once more where its bytes arrived damaged from the place that they come from."""
    for last in (False, True):
        failures: list[SpiritsafeError] = []
        try:
            client.artifacts.UploadFile(_until_failure(_upload_stream(version, entry, content, progress), failures))
            return
        except SpiritsafeError as error:
            failed = failures[0] if failures else error
            if last or not (failures and isinstance(failed, DataLoss)):
                raise failed from None


def _until_failure(
    requests: Iterator[artifact_pb2.UploadFileRequest], failures: list[SpiritsafeError]
) -> Iterator[artifact_pb2.UploadFileRequest]:
    # An exception in here would reach the caller as no more than a cancelled call, so the stream just ends; the server
    # then says that bytes are missing, and ``failures`` why.
    try:
        yield from requests
    except SpiritsafeError as error:
        failures.append(error)


def _upload_stream(
    version: str, entry: version_pb2.FileEntry, content: Content, progress: Progress
) -> Iterator[artifact_pb2.UploadFileRequest]:
    header = artifact_pb2.UploadHeader(version=version, path=entry.path)
    yield artifact_pb2.UploadFileRequest(header=header)
    done = 0
    for chunk in content(entry):
        yield artifact_pb2.UploadFileRequest(chunk=chunk)
        done += len(chunk)
        progress(entry.path, done, entry.size_bytes)


def download_version(client: Client, name: str, target: Path, progress: Progress = _silent) -> Path:
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
    places = [(entry, inside(target, entry.path)) for entry in version.files]
    for entry, place in places:
        if not (place.is_file() and file_digest(place) == entry.sha256):
            _download_file(client, name, entry, place, progress)
    return target


def _download_file(client: Client, version: str, entry: version_pb2.FileEntry, place: Path, progress: Progress) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(place.name + _PARTIAL)
    done = partial.stat().st_size if partial.exists() else 0
    if done > entry.size_bytes:
        partial.unlink()
        done = 0
    request = artifact_pb2.DownloadFileRequest(version=version, path=entry.path, offset_bytes=done)
    with partial.open("ab") as file:
        for response in client.artifacts.DownloadFile(request) if done < entry.size_bytes else ():
            file.write(response.chunk)
            done += len(response.chunk)
            progress(entry.path, done, entry.size_bytes)
    if file_digest(partial) != entry.sha256:
        partial.unlink()
        raise DataLoss(
            f"{entry.path} of {version} does not match its digest {entry.sha256}",
            reason="DIGEST_MISMATCH",
            remedy="download again; if it repeats, the stored content is damaged",
        )
    partial.replace(place)


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
