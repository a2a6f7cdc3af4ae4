"""Bringing external files into the store: fetched from the configured hub, verified while they stream in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlmodel import Session

from registry.catalog.files import files_of, not_mirrored
from registry.storage.artifacts import ArtifactStore
from registry.storage.lookup import get_version
from spiritsafe.errors import Unavailable
from spiritsafe.hub.names import HubFile, RepoRef
from spiritsafe.hub.repository import Hub, fetched_once_more
from spiritsafe.registry.v1 import artifact_pb2
from spiritsafe.rpc.names import VersionName

# Between two reports of one file; a hub's large files have gigabytes.
REPORT_BYTES = 8 << 20
Report = Callable[[artifact_pb2.MirrorFilesResponse], None]


@dataclass(frozen=True, slots=True)
class Work:
    """The external files of a version, those that are missing, and the commit at which all of them lie.

    ``ready`` for a finalized version.
    """

    ref: RepoRef | None
    commit: str
    external: int
    missing: tuple[HubFile, ...]
    ready: bool


def find_work(session: Session, store: ArtifactStore, name: VersionName) -> Work:
    """What is to be mirrored. Raises NotFound."""
    version = get_version(session, name, "version")[1]
    external = [file for file in files_of(session, [version.id]) if file.external]
    missing = tuple(HubFile(file.path, file.size_bytes, file.sha256) for file in not_mirrored(store, external))
    ref = RepoRef(version.source_repo, name.node.collection) if missing else None
    return Work(ref, version.source_revision, len(external), missing, version.state == "ready")


def mirror(store: ArtifactStore, hub: Hub, work: Work, report: Report, stopped: Callable[[], bool]) -> None:
    """Fetches what is missing, file by file; each is in the store before the next one begins.

    ``stopped`` is asked for each chunk. Raises Unavailable once it says so, DataLoss where a file is not the one that
    its commit names, and what the hub refuses.
    """
    mirrored = work.external - len(work.missing)

    def tell(path: str = "", done: int = 0, size: int = 0) -> None:
        report(
            artifact_pb2.MirrorFilesResponse(
                path=path, done_bytes=done, size_bytes=size, mirrored_files=mirrored, external_files=work.external
            )
        )

    for file in work.missing:
        _fetch(store, hub, work, file, tell, stopped)
        mirrored += 1
    tell()


def _fetch(
    store: ArtifactStore,
    hub: Hub,
    work: Work,
    file: HubFile,
    tell: Callable[[str, int, int], None],
    stopped: Callable[[], bool],
) -> None:
    ref = work.ref
    assert ref is not None

    def chunks() -> Iterator[bytes]:
        done = told = 0
        tell(file.path, 0, file.size_bytes)
        for chunk in hub.verified(ref, work.commit, file):
            if stopped():
                raise Unavailable("the call has ended", reason="CALL_ENDED", remedy="call again; whole files are kept")
            yield chunk
            done += len(chunk)
            if done - told >= REPORT_BYTES or done == file.size_bytes:
                told = done
                tell(file.path, done, file.size_bytes)

    fetched_once_more(lambda: store.put(file.sha256, file.size_bytes, chunks()))
