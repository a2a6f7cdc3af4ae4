"""Where an import reads from: a hub, a folder that holds a snapshot of a repository, or nothing but a name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from cli.options import invalid
from spiritsafe.hub.names import HubFile, RepoRef, Snapshot, is_commit
from spiritsafe.hub.repository import Hub, fetched_once_more
from spiritsafe.publish import file_chunks, file_digest

CARD_FILE = "README.md"
# What the hub's own tools keep beside the files of a snapshot.
_NOT_CONTENT = frozenset({".git", ".cache"})


class Source(Protocol):
    """Reads repositories."""

    from_folder: bool

    def snapshot(self, ref: RepoRef, revision: str = "") -> Snapshot:
        """The repository as it is there. Raises NotFound."""
        ...

    def digest(self, snapshot: Snapshot, file: HubFile) -> str:
        """SHA-256 of a file's content, verified against what its commit names."""
        ...

    def chunks(self, snapshot: Snapshot, file: HubFile) -> Iterator[bytes]:
        """The content, verified at its end."""
        ...


class HubSource:
    """A hub. The files that lie in git itself, all small, are kept in ``folder`` once they were fetched."""

    from_folder = False

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub = hub
        self._folder = folder

    def snapshot(self, ref: RepoRef, revision: str = "") -> Snapshot:
        return self._hub.snapshot(ref, revision)

    def digest(self, snapshot: Snapshot, file: HubFile) -> str:
        """From the pointer of a file in large file storage; any other one is fetched for it."""
        return file.sha256 or file_digest(self._fetched(snapshot, file))

    def chunks(self, snapshot: Snapshot, file: HubFile) -> Iterator[bytes]:
        if file.sha256:
            return self._hub.verified(snapshot.ref, snapshot.commit, file)
        return file_chunks(self._fetched(snapshot, file))

    def _fetched(self, snapshot: Snapshot, file: HubFile) -> Path:
        name = hashlib.sha256(f"{snapshot.ref.key} {snapshot.commit} {file.path}".encode()).hexdigest()
        place = self._folder / name

        def fetch() -> Path:
            with TemporaryDirectory(dir=self._folder) as folder:
                partial = Path(folder) / name
                with partial.open("wb") as target:
                    target.writelines(self._hub.verified(snapshot.ref, snapshot.commit, file))
                return partial.replace(place)

        return place if place.exists() else fetched_once_more(fetch)


class FolderSource:
    """A folder with a snapshot of one repository at one commit. Of other repositories it knows the names alone."""

    from_folder = True

    def __init__(self, folder: Path, ref: RepoRef, commit: str) -> None:
        if not folder.is_dir():
            raise invalid("path", f"{folder} is not a folder", "name the folder that holds the snapshot")
        if not is_commit(commit):
            raise invalid("revision", f"{commit!r} is not a commit", "give all 40 hexadecimal digits, as the hub shows")
        self._folder = folder
        self._ref = ref
        self._commit = commit

    def snapshot(self, ref: RepoRef, revision: str = "") -> Snapshot:  # noqa: ARG002 - there is only one
        if ref.key != self._ref.key:
            return Snapshot(ref)
        files = tuple(
            HubFile(path.relative_to(self._folder).as_posix(), path.stat().st_size, sha256=file_digest(path))
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and not _NOT_CONTENT.intersection(path.relative_to(self._folder).parts)
        )
        if not files:
            raise invalid("path", f"{self._folder} holds no files", "name the folder that holds the snapshot")
        return Snapshot(ref, self._commit, card=read_card(self._folder / CARD_FILE), files=files)

    def digest(self, _snapshot: Snapshot, file: HubFile) -> str:
        return file.sha256

    def chunks(self, _snapshot: Snapshot, file: HubFile) -> Iterator[bytes]:
        return file_chunks(self._folder / file.path)


def read_card(readme: Path) -> dict[str, Any]:
    """The metadata at the head of a card; empty where there is none. Raises InvalidArgument for what cannot be read."""
    from huggingface_hub import RepoCard

    if not readme.is_file():
        return {}
    try:
        data = RepoCard(readme.read_text("utf-8"), ignore_metadata_errors=True).data
        return dict(data.to_dict())  # type: ignore[no-untyped-call] # not annotated there
    except Exception as error:
        # YAML and the card's own classes raise errors of many kinds about what a stranger wrote.
        raise invalid(CARD_FILE, f"its metadata cannot be read: {type(error).__name__}", "correct it there") from error
