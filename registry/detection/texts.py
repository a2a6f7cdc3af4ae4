"""Licence texts: telling which licence a file holds, and giving the text of a licence.

A text is looked up by the digest of its words, so that line breaks, indentation, punctuation and a filled-in copyright
line do not matter. The shipped digests were computed from the texts of ScanCode's LicenseDB (see ``digests``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from registry.catalog.legal_files import kind_of
from registry.detection import scancode
from registry.detection.observations import LicenseSeen, Source
from registry.licensing import Profile, load_profiles

_DATA = "data/license_texts.json"
DIGEST_DETECTOR = "spiritsafe text digests 1"
MARKER_DETECTOR = "spiritsafe text markers 1"
# A line that publishers fill in, and the sign that some write in another way.
_COPYRIGHT_LINE = re.compile(r"^[^\w\n]*(copyright\b|\(c\)|©).*$", re.IGNORECASE | re.MULTILINE)
_COPYRIGHT_SIGN = re.compile(r"\(c\)|©", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Marker:
    """Words that the text of one licence holds, all of them; ``kind`` is that of the files in which they count."""

    kind: str
    license: str
    phrases: tuple[str, ...]
    evidence: str
    confidence: str


@dataclass(frozen=True, slots=True)
class _Texts:
    digests: Mapping[str, str]  # to ScanCode's key
    keys: Mapping[str, str]  # ScanCode's keys of profiles that name none, or another edition
    spdx: Mapping[str, str]  # ScanCode's key to SPDX id, for the keys with a digest
    headings: frozenset[str]
    markers: tuple[Marker, ...]


def words_of(text: str) -> str:
    """The text as words of lower case with one space between; without copyright lines and a mere title at the top."""
    plain = _COPYRIGHT_SIGN.sub(" ", _COPYRIGHT_LINE.sub("", text.removeprefix("\ufeff")))
    lines = [" ".join(_WORD.findall(line.lower())) for line in plain.replace("https://", "http://").splitlines()]
    filled = [line for line in lines if line]
    if filled and filled[0] in _texts().headings:
        filled = filled[1:]
    return " ".join(filled)


def digest_of(text: str) -> str:
    """Lower-case hexadecimal SHA-256 of the text's words."""
    return hashlib.sha256(words_of(text).encode()).hexdigest()


def identify(path: str, text: str) -> LicenseSeen | None:
    """The licence that the file's text is, or that its notice names; None where neither digest nor marker knows it."""
    words = f" {words_of(text)} "
    for marker in _texts().markers:
        if marker.kind == kind_of(path) and all(f" {phrase} " in words for phrase in marker.phrases):
            return LicenseSeen(
                path, Source.TEXT, (marker.license,), "; ".join(marker.phrases), MARKER_DETECTOR, marker.confidence
            )
    key = _texts().digests.get(digest_of(text))
    if key is None:
        return None
    found = profiles_of(key, _texts().spdx.get(key, ""))
    return LicenseSeen(path, Source.TEXT, found, key, DIGEST_DETECTOR, "exact: the words are those of the known text")


def profiles_of(key: str, spdx: str) -> tuple[str, ...]:
    """The profile of a licence by its ScanCode key or SPDX id; empty where there is none: never a near one."""
    by_key, by_spdx = _profile_keys()
    found = _texts().keys.get(key) or by_key.get(key) or by_spdx.get(spdx)
    return (found,) if found is not None and found in load_profiles() else ()


def license_text(profile_id: str) -> str | None:
    """The full text of a profile's licence, from ScanCode's LicenseDB; None without the extra ``detect`` or the text.

    Which edition it is follows from the key: the one that the profile names, else the first that is known to be of it.
    """
    if profile_id not in load_profiles():
        return None
    for key in _keys_of(load_profiles().get(profile_id)):
        text = scancode.text_of(key)
        if text is not None:
            return text
    return None


def _keys_of(profile: Profile) -> list[str]:
    own = [key for key, license_id in _profile_keys()[0].items() if license_id == profile.id]
    named = [key for key, license_id in _texts().keys.items() if license_id == profile.id]
    by_spdx = [key for key, spdx in _texts().spdx.items() if profile.spdx and spdx == profile.spdx]
    return list(dict.fromkeys([*own, *by_spdx, *named]))


@cache
def _profile_keys() -> tuple[dict[str, str], dict[str, str]]:
    """Profile ids by ScanCode key and by SPDX id."""
    by_key: dict[str, str] = {}
    by_spdx: dict[str, str] = {}
    for profile in load_profiles():
        if profile.scancode:
            by_key[profile.scancode.partition(" ")[0].removeprefix(scancode.SPDX_PREFIX)] = profile.id
        if profile.spdx:
            by_spdx[profile.spdx] = profile.id
    return by_key, by_spdx


@cache
def _texts() -> _Texts:
    raw: dict[str, Any] = json.loads(resources.files("registry.detection").joinpath(_DATA).read_text("utf-8"))
    return _Texts(
        digests={digest: entry["key"] for digest, entry in raw["digests"].items()},
        keys=raw["keys"],
        spdx={entry["key"]: entry["spdx"] for entry in raw["digests"].values()},
        headings=frozenset(raw["headings"]),
        markers=tuple(
            Marker(one["kind"], one["license"], tuple(one["phrases"]), one["evidence"], one["confidence"])
            for one in raw["markers"]
        ),
    )
