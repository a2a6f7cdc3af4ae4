"""Where files that a server names may be written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from spiritsafe.errors import DataLoss


def inside(target: Path, path: str) -> Path:
    """The place of a relative POSIX path below ``target``. Raises DataLoss for a path that leaves it.

    The server refuses such paths itself; a client that trusted it could be made to overwrite any file.
    """
    relative = PurePosixPath(path)
    place = target.joinpath(*relative.parts)
    unsafe = relative.is_absolute() or ".." in relative.parts or not relative.parts or "\\" in path
    if unsafe or not place.resolve().is_relative_to(target.resolve()):
        raise DataLoss(
            f"the manifest names {path!r}, which leaves the target folder",
            reason="UNSAFE_PATH",
            remedy="do not use this version; tell the registry's operator",
        )
    return place
