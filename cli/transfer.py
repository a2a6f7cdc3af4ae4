"""Registering a folder as a version, and fetching one, with a bar for each file on standard error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from cli.output import notices
from spiritsafe import publish
from spiritsafe.client import Client
from spiritsafe.registry.v1 import catalog_pb2, version_pb2
from spiritsafe.rpc.names import VersionName


def register(client: Client, parent: str, version: version_pb2.Version, folder: Path) -> version_pb2.Version:
    """Declares, uploads and finalizes. The same command again goes on where it was cut off."""
    with _bars() as progress:
        request_id = _request_id(parent, version, folder)
        return publish.publish_version(client, parent, version, folder, request_id, progress)


def declare(client: Client, parent: str, version: version_pb2.Version, folder: Path) -> version_pb2.Version:
    """Declares only, under the id that ``register`` would use: registering the folder later completes this draft."""
    request_id = _request_id(parent, version, folder)
    declared = version_pb2.Version()
    declared.CopyFrom(version)
    declared.files.extend(publish.folder_manifest(folder))
    request = version_pb2.CreateVersionRequest(parent=parent, version=declared, request_id=request_id)
    return client.versions.CreateVersion(request).version


def download(client: Client, name: VersionName, target: Path) -> Path:
    """Fetches every file of a version, verified."""
    with _bars() as progress:
        return publish.download_version(client, str(name), target, progress)


def from_catalog(client: Client, hub_repo: str, version: version_pb2.Version) -> None:
    """Fills in what the catalogue knows of a public model; what the command line says already stays."""
    request = catalog_pb2.GetCatalogEntryRequest(name=f"catalog/{hub_repo}")
    entry = client.catalog.GetCatalogEntry(request).entry
    if not version.HasField("declared_licenses"):
        version.declared_licenses.ids.extend(entry.licenses)
    version.imported = True
    version.multimodal = entry.multimodal
    version.base_family = version.base_family or entry.base_family
    version.source.hub_repo = hub_repo
    if entry.lineage_completeness == "partial":
        version.lineage_completeness = version_pb2.LINEAGE_COMPLETENESS_PARTIAL


def _request_id(parent: str, version: version_pb2.Version, folder: Path) -> str:
    # Derived from what is registered, so that repeating an interrupted command resumes it. Sizes and times stand for
    # the content here: a collision would only resume a draft, whose digests are verified anyway.
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    marks = [f"{path.relative_to(folder)}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files]
    content = version.SerializeToString(deterministic=True) + "\n".join(marks).encode()
    return publish.request_uuid(parent, str(folder.resolve()), hashlib.sha256(content).hexdigest())


@contextmanager
def _bars() -> Iterator[publish.Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = notices()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def update(path: str, done: int, total: int) -> None:
            if path not in tasks:
                tasks[path] = progress.add_task(path, total=total)
            progress.update(tasks[path], completed=done)

        yield update
