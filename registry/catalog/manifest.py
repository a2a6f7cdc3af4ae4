"""What a manifest may declare, and the digest that identifies it. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Protocol

from registry.catalog.legal_files import is_license, kind_of
from registry.errors import invalid
from spiritsafe.errors import InvalidArgument

# Formats that hold data only: loading them runs no code.
ACCEPTED_SUFFIXES = frozenset(
    {
        ".safetensors",
        ".gguf",
        ".json",
        ".jsonl",
        ".txt",
        ".md",
        ".model",
        ".jinja",
        ".csv",
        ".parquet",
        ".yaml",
        ".toml",
    }
)
# Pickles, and containers that may hold one: loading them can run any code.
UNSAFE_SUFFIXES = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".h5", ".hdf5", ".keras"}
)
MAX_PATH_LENGTH = 512
# Files that hold the parameters of a model.
WEIGHT_SUFFIXES = frozenset({".safetensors", ".gguf"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Besides control characters: separators and drive letters of other systems, on which a client may unpack.
_BAD_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\\:]")


class Entry(Protocol):
    """One file as the wire and the table hold it."""

    path: str
    size_bytes: int
    sha256: str


def check_manifest(entries: Iterable[Entry]) -> None:
    """Raises InvalidArgument naming the first entry that is wrong."""
    paths: set[str] = set()
    for index, entry in enumerate(entries):
        field = f"version.files[{index}]"
        _check_path(entry.path, f"{field}.path")
        _check_format(entry.path, f"{field}.path")
        if entry.path in paths:
            raise invalid(f"{field}.path", f"{entry.path!r} is declared twice", reason="DUPLICATE_PATH")
        if entry.size_bytes < 0:
            raise invalid(f"{field}.size_bytes", "must not be negative")
        if not _SHA256.fullmatch(entry.sha256):
            raise invalid(f"{field}.sha256", f"{entry.sha256!r} is not 64 lower-case hexadecimal digits")
        paths.add(entry.path)
    _check_folders(paths)


def path_problem(path: str) -> InvalidArgument | None:
    """Why no manifest can declare a file of this path; None when one can."""
    try:
        _check_path(path, "path")
        _check_format(path, "path")
    except InvalidArgument as error:
        return error
    return None


def manifest_digest(entries: Iterable[Entry]) -> str:
    """SHA-256 of the canonical JSON: [path, size, digest] of every file, sorted by path, no spaces, UTF-8.

    Empty for no files: what has no content here must not equal everything else that has none.
    """
    rows = sorted([entry.path, entry.size_bytes, entry.sha256] for entry in entries)
    if not rows:
        return ""
    canonical = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def weights_digest(entries: Iterable[Entry]) -> str:
    """SHA-256 over the digests of the weight files, sorted, each followed by a line feed; empty where there are none.

    Equal for versions with the same weights, whatever their other files are and however the weight files are called.
    """
    digests = sorted(entry.sha256 for entry in entries if PurePosixPath(entry.path).suffix.lower() in WEIGHT_SUFFIXES)
    if not digests:
        return ""
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def _check_path(path: str, field: str) -> None:
    segments = path.split("/")
    if _BAD_CHARACTERS.search(path) or len(path) > MAX_PATH_LENGTH or any(one in ("", ".", "..") for one in segments):
        raise _unsafe_path(path, field)


def _unsafe_path(path: str, field: str) -> InvalidArgument:
    return invalid(
        field,
        f"{path!r} is not a relative POSIX path inside the version",
        reason="UNSAFE_PATH",
        remedy='use forward slashes, and neither a leading "/" nor "." nor ".."',
    )


def _check_format(path: str, field: str) -> None:
    name = PurePosixPath(path)
    suffix = name.suffix.lower()
    if suffix in UNSAFE_SUFFIXES:
        raise invalid(
            field,
            f"{path!r} may be a pickle, which can run code when it is loaded",
            reason="UNSAFE_FORMAT",
            remedy="convert it to safetensors (tables to parquet) and declare that instead",
        )
    if suffix not in ACCEPTED_SUFFIXES and not is_license(path) and not kind_of(path):
        raise invalid(
            field,
            f"{path!r} is of no accepted format",
            reason="UNSUPPORTED_FORMAT",
            remedy=f"leave it out; accepted are {', '.join(sorted(ACCEPTED_SUFFIXES))}, LICENSE, NOTICE and the like",
        )


def _check_folders(paths: set[str]) -> None:
    # A path that is both a file and a folder can be declared but never unpacked.
    for path in sorted(paths):
        for folder in PurePosixPath(path).parents:
            if str(folder) in paths:
                raise invalid(
                    "version.files", f"{str(folder)!r} is both a file and a folder of {path!r}", reason="UNSAFE_PATH"
                )
