"""One large file up and down through the server, beside a plain copy of it whose digest is taken."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from spiritsafe.publish import download_version, file_digest, upload_file
from spiritsafe.registry.v1 import model_pb2, version_pb2
from tests.benchmarks.registry.ours import NAMESPACE, Registry, make_home, serving
from tests.benchmarks.registry.places import Places
from tests.benchmarks.registry.results import Figure
from tests.benchmarks.registry.sizes import Sizes

MIB = 1 << 20
ROUNDS = 3
SHARE_PER_CENT = 70.0
_FILE = "model.safetensors"


def measure(folder: Path, places: Places, sizes: Sizes) -> list[Figure]:
    """MiB/s of a copy, of an upload and of a download that end with a verified digest and the bytes on disk."""
    home = make_home(folder / "artifacts", places)
    source = folder / "source"
    source.mkdir()
    times: dict[str, list[float]] = {"copy": [], "upload": [], "download": []}
    with serving(home) as registry:
        request = model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="artifact", model=model_pb2.Model())
        registry.client.models.CreateModel(request)
        for number in range(ROUNDS):
            # New content each time: what is stored already is not sent again.
            _write(source / _FILE, sizes.artifact_bytes)
            for key, seconds in _round(registry, source / _FILE, folder / f"round-{number}").items():
                times[key].append(seconds)
    size = sizes.artifact_bytes / MIB
    speed = {key: size / statistics.median(each) for key, each in times.items()}
    figures = [Figure(f"{key} of {size:,.0f} MiB", each, "MiB/s") for key, each in speed.items()]
    shares = [
        Figure(f"{key}, of the copy's speed", 100 * speed[key] / speed["copy"], "%", SHARE_PER_CENT)
        for key in ("upload", "download")
    ]
    return figures + shares


def _round(registry: Registry, source: Path, folder: Path) -> dict[str, float]:
    """Seconds of each; leaves none of the copies behind."""
    copied = _seconds(lambda: _copied(source, folder.with_suffix(".copy")))
    name = _declare(registry, source)
    sent = _seconds(lambda: upload_file(registry.client, name, _FILE, source))
    registry.client.versions.FinalizeVersion(version_pb2.FinalizeVersionRequest(name=name))
    fetched = _seconds(lambda: _fetched(registry, name, folder))
    (folder / _FILE).unlink()
    return {"copy": copied, "upload": sent, "download": fetched}


def _write(path: Path, size: int) -> None:
    header = b'{"__metadata__":{"content":"benchmark"}}'
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        left = size - file.tell()
        while left:
            left -= file.write(os.urandom(min(MIB, left)))


def _declare(registry: Registry, source: Path) -> str:
    file = version_pb2.FileEntry(path=_FILE, size_bytes=source.stat().st_size, sha256=file_digest(source))
    version = version_pb2.Version(kind=version_pb2.VERSION_KIND_FULL, files=[file])
    request = version_pb2.CreateVersionRequest(parent=f"{NAMESPACE}/models/artifact", version=version)
    return registry.client.versions.CreateVersion(request).version.name


def _copied(source: Path, target: Path) -> None:
    """Reads, hashes and writes every byte, and waits for the disk: as little as an upload can do."""
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(MIB):
            digest.update(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    target.unlink()


def _fetched(registry: Registry, name: str, target: Path) -> None:
    download_version(registry.client, name, target)
    descriptor = os.open(target / _FILE, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
