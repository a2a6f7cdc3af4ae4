"""Exact words that licences ask for: notices, display lines, and the URI that may stand for a text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

# A quotation of fewer words is a title or a line to display, such as "Notice".
MIN_NOTICE_WORDS = 4
_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]")


@dataclass(frozen=True, slots=True)
class Wording:
    """What one licence wants to be said, and how sure we are (the tag of the licence profiles).

    ``display`` are alternatives, of which one will do. ``uri`` is set where the licence takes its URI for a copy.
    ``text_from`` says where its publisher has the text.
    """

    license: str
    notice: str = ""
    display: tuple[str, ...] = ()
    where_shown: str = ""
    where_confidence: str = ""
    uri: str = ""
    text_from: str = ""
    confidence: str = "unverified"
    source: str = ""


@cache
def _shipped() -> Mapping[str, Wording]:
    text = resources.files("registry.duties").joinpath("data/wordings.json").read_text(encoding="utf-8")
    entries = json.loads(text)["wordings"]
    found = (Wording(**{**entry, "display": tuple(entry.get("display", ()))}) for entry in entries)
    return MappingProxyType({wording.license: wording for wording in found})


def wording_of(license_id: str) -> Wording:
    """The shipped words; an empty Wording for a licence without any."""
    return _shipped().get(license_id, Wording(license_id))


def notice_of(license_id: str, detail: str, confidence: str) -> tuple[str, str]:
    """The exact notice that a licence asks for, with its confidence; empty where nobody recorded it.

    For a licence without shipped words, the longest quoted sentence in the duty's ``detail`` of its profile is the
    notice.
    """
    shipped = wording_of(license_id)
    if shipped.notice:
        return shipped.notice, shipped.confidence
    quoted = [text for text in _QUOTED.findall(detail) if len(text.split()) >= MIN_NOTICE_WORDS]
    return (max(quoted, key=len), confidence) if quoted else ("", "")


def display_lines(license_id: str, detail: str) -> tuple[str, ...]:
    """The lines of which one must be shown: the shipped ones, else those that the profile's ``detail`` quotes."""
    return wording_of(license_id).display or tuple(dict.fromkeys(_QUOTED.findall(detail)))
