"""ScanCode's licence detector and its licence texts, where the extra ``detect`` is installed.

The detector runs in a process of its own: its index takes more than a gigabyte, which is given back when the process
ends, and a process can be stopped when its time is over. Nothing of it is imported here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from threading import Lock

DISTRIBUTION = "scancode-toolkit-mini"
SPDX_PREFIX = "LicenseRef-scancode-"
# Reading its index takes about 5 s of CPU time; a machine under load gets many times that.
TIMEOUT_SECONDS = 120.0
# Two indexes at a time would be too much memory for the machine that serves.
_one_at_a_time = Lock()
# What it said of texts, by their SHA-256. Of one detector only: it does not change while a process lives.
_remembered: dict[bytes, list[Match]] = {}
_MOST_REMEMBERED = 10_000
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<about>.*?)\n---[ \t]*\n", re.DOTALL)
_KEY = re.compile(r"[a-z0-9][a-z0-9.+_-]*")


class DetectorError(RuntimeError):
    """The detector gave no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Match:
    """One licence found in a text. Score and coverage are in percent of the licence's text."""

    key: str
    spdx: str
    score: float
    coverage: float
    is_text: bool


def is_installed() -> bool:
    """Whether the extra is there."""
    return licenses_folder() is not None


def version() -> str:
    """The detector's version. Raises PackageNotFoundError without the extra."""
    return metadata.version(DISTRIBUTION)


def detect(texts: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, list[Match]]:
    """The licences in each text, by the names that the texts are given under.

    Answers are remembered: many versions carry the same text, and the index is read anew each time.

    Raises DetectorError when it fails, or takes longer than ``timeout_seconds``, waiting for its turn included.
    """
    digests = {name: sha256(text.encode()).digest() for name, text in texts.items()}
    known = {name: held for name, digest in digests.items() if (held := _remembered.get(digest)) is not None}
    unknown = {name: text for name, text in texts.items() if name not in known}
    found = _detect(unknown, timeout_seconds) if unknown else {}
    if len(_remembered) > _MOST_REMEMBERED:
        _remembered.clear()
    _remembered.update({digests[name]: matches for name, matches in found.items()})
    return {name: list(matches) for name, matches in {**known, **found}.items()}


def _detect(texts: Mapping[str, str], timeout_seconds: float) -> dict[str, list[Match]]:
    if not _one_at_a_time.acquire(timeout=timeout_seconds):
        raise DetectorError(f"another scan kept it busy for {timeout_seconds:g} s")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "registry.detection.scancode_worker"],
            input=json.dumps(dict(texts)).encode(),
            capture_output=True,
            timeout=timeout_seconds,
            check=True,
            env=_environment(),
        )
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise DetectorError(f"it was stopped after {timeout_seconds:g} s") from error
    except (subprocess.CalledProcessError, OSError, ValueError) as error:
        raise DetectorError(f"it failed: {error}") from error
    finally:
        _one_at_a_time.release()
    return {name: [Match(**one) for one in matches] for name, matches in found.items()}


def text_of(key: str) -> str | None:
    """The licence text under one of ScanCode's keys; None without the extra or the key."""
    folder = licenses_folder()
    if folder is None or not _KEY.fullmatch(key):
        return None
    path = folder / f"{key}.LICENSE"
    return split(path.read_text("utf-8"))[1] if path.is_file() else None


def split(file: str) -> tuple[str, str]:
    """What a file of the LicenseDB says about its licence (YAML), and the licence's text."""
    match = _FRONT_MATTER.match(file)
    return (match["about"], file[match.end() :].strip() + "\n") if match else ("", file)


@cache
def licenses_folder() -> Path | None:
    """Where the texts lie; None without the extra. Finding the package does not import it."""
    spec = importlib.util.find_spec("licensedcode")
    return Path(spec.origin).parent / "data" / "licenses" if spec is not None and spec.origin else None


def _environment() -> dict[str, str]:
    # The worker must import the same packages as this process, wherever it was started.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONWARNINGS": "ignore"}
