"""The files of a version: what is declared against what the store holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from registry.catalog.rules import FILES_EXTERNAL, mirror_remedy
from registry.errors import not_found, wrong_state
from registry.storage.artifacts import ArtifactStore
from registry.storage.tables import File, Version
from spiritsafe.errors import DataLoss, FailedPrecondition, SpiritsafeError
from spiritsafe.rpc.names import VersionName


def files_of(session: Session, version_ids: Iterable[int | None]) -> list[File]:
    """The declared files of these versions, sorted by path."""
    return list(session.exec(select(File).where(col(File.version_id).in_(set(version_ids))).order_by(col(File.path))))


def get_file(session: Session, version: Version, name: VersionName, path: str) -> File:
    """One declared file. Raises NotFound: only paths of the manifest exist."""
    file = session.exec(select(File).where(File.version_id == version.id, File.path == path)).first()
    if file is None:
        raise not_found(f"file {path!r} of {name}")
    return file


def missing(store: ArtifactStore, files: Iterable[File]) -> list[str]:
    """The paths of owned files whose content the store does not hold: somebody must upload them."""
    return [file.path for file in _absent(store, [file for file in files if not file.external])]


def not_mirrored(store: ArtifactStore, files: Iterable[File]) -> list[File]:
    """The external files whose content the store does not hold."""
    return _absent(store, [file for file in files if file.external])


def _absent(store: ArtifactStore, files: Sequence[File]) -> list[File]:
    here = store.sizes(file.sha256 for file in files)
    return [file for file in files if file.sha256 not in here]


def check_here(store: ArtifactStore, file: File, name: VersionName) -> None:
    """Raises FailedPrecondition for an external file that was not mirrored."""
    if file.external and not store.has(file.sha256):
        raise wrong_state(
            str(name),
            f"has {file.path!r} as an external file that was not mirrored yet",
            reason=FILES_EXTERNAL,
            remedy=mirror_remedy(name.short),
        )


def problem(store: ArtifactStore, files: Sequence[File], name: VersionName) -> SpiritsafeError | None:
    """Why the files cannot be finalized, after re-reading each; None when all are there with their digests.

    External files may be elsewhere: their sizes and digests are those that their repository's commit names.
    Given back rather than raised: it is found before the transaction that decides whether it matters.
    """
    sizes = store.sizes(file.sha256 for file in files)
    absent = [file.path for file in files if not file.external and file.sha256 not in sizes]
    if absent:
        return FailedPrecondition(
            f"{name}: {len(absent)} of {len(files)} files are not uploaded: {', '.join(absent[:5])}",
            reason="FILES_MISSING",
            remedy="upload the files that ListMissingFiles names, then finalize again",
            metadata={"resource": str(name), "missing": str(len(absent))},
        )
    files = [file for file in files if file.sha256 in sizes]
    resized = [file.path for file in files if sizes[file.sha256] != file.size_bytes]
    if resized:
        return FailedPrecondition(
            f"{name}: the content has another size than the manifest says: {', '.join(resized[:5])}",
            reason="SIZE_MISMATCH",
            remedy="delete the draft and declare the files with their true sizes",
            metadata={"resource": str(name)},
        )
    damaged = [file.path for file in files if not store.verify(file.sha256)]
    if damaged:
        return DataLoss(
            f"{name}: stored content does not match its digest: {', '.join(damaged[:5])}",
            reason="DIGEST_MISMATCH",
            remedy="the store is damaged; its operator must restore the content",
            metadata={"resource": str(name)},
        )
    return None
