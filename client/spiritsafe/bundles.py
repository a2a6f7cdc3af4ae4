"""Writing a bundle, the files that answer a version's licence duties, into a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from spiritsafe.errors import DataLoss, FailedPrecondition
from spiritsafe.places import inside
from spiritsafe.registry.v1 import duty_pb2

MANIFEST = "bundle.json"


def check_target(target: Path, *, overwrite: bool = False) -> None:
    """Raises FailedPrecondition for a file, and for a folder with something in it unless ``overwrite`` is set."""
    if target.exists() and not target.is_dir():
        raise FailedPrecondition(f"{target} is a file", reason="TARGET_IS_FILE", remedy="name another folder")
    if not overwrite and target.is_dir() and any(target.iterdir()):
        raise FailedPrecondition(
            f"{target} is not empty",
            reason="TARGET_NOT_EMPTY",
            remedy="name another folder, or overwrite what an earlier bundle left there",
        )


def write_bundle(bundle: duty_pb2.Bundle, target: Path, *, overwrite: bool = False) -> Path:
    """Writes every file of the bundle below ``target`` and returns ``target``.

    With ``overwrite``, files of an earlier bundle that this one lacks are removed; other files stay.

    Raises:
        FailedPrecondition: the target is a file, or a folder with something in it.
        DataLoss: a path leaves the target, or bytes do not match their digest.
    """
    check_target(target, overwrite=overwrite)
    places = {inside(target, file.path): file for file in bundle.files}
    damaged = [file.path for file in bundle.files if hashlib.sha256(file.content).hexdigest() != file.sha256]
    if damaged:
        raise DataLoss(f"{damaged[0]} does not match its digest", reason="DIGEST_MISMATCH", remedy="ask for it again")
    for stale in _earlier(target):
        if stale not in places:
            stale.unlink(missing_ok=True)
    for place, file in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    return target


def _earlier(target: Path) -> list[Path]:
    """The files that an earlier bundle in the folder lists; none where there is no readable list."""
    try:
        listed = json.loads((target / MANIFEST).read_text("utf-8"))["files"]
        return [inside(target, entry["path"]) for entry in listed]
    except (OSError, ValueError, KeyError, TypeError):
        return []
