"""Which content the registry's records name: the manifests of versions, and the files of recorded bundles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from registry.storage.tables import BundleFile, File


def referenced(session: Session, digests: Sequence[str]) -> set[str]:
    """Those of the digests that a version, in whatever state, or a recorded bundle names."""
    found = set(session.exec(select(File.sha256).where(col(File.sha256).in_(digests)).distinct()))
    found.update(session.exec(select(BundleFile.sha256).where(col(BundleFile.sha256).in_(digests)).distinct()))
    return found
