"""Scanning what is stored of a version, before the write lock is taken."""

from __future__ import annotations

from registry.catalog.files import files_of
from registry.context import Registry
from registry.detection.observations import Observations
from registry.detection.scanning import scan
from registry.storage.lookup import get_version
from spiritsafe.errors import FailedPrecondition, NotFound
from spiritsafe.rpc.names import VersionName


def scan_version(registry: Registry, name: VersionName) -> Observations:
    """What the version's files say; a manifest never changes, so it holds in a transaction that comes after."""
    with registry.database.read() as session:
        try:
            _, version = get_version(session, name, "version")
        except (NotFound, FailedPrecondition):
            return Observations()  # the transaction says so, unless the request is a repetition
        declared = files_of(session, [version.id])
    return scan(registry.store, declared)
