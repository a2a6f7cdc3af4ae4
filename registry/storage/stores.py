"""Which artifact store a registry uses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from registry.storage.artifacts import ArtifactStore
from registry.storage.local_store import LocalStore
from registry.storage.s3.settings import STORE_VARIABLE, S3Settings


def open_store(home: Path, environment: Mapping[str, str]) -> ArtifactStore:
    """The bucket that ``SPIRITSAFE_STORE`` names, else the folder ``blobs`` of the home.

    A bucket is not asked for anything yet. Raises InvalidArgument, naming the variable, for settings that cannot be.
    """
    if not environment.get(STORE_VARIABLE):
        return LocalStore(home / "blobs")
    settings = S3Settings.read(environment)
    # boto3 takes longer to import than a command on a local home takes to run.
    from registry.storage.s3.store import S3Store

    return S3Store(settings)
