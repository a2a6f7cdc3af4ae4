"""What a Hugging Face card says of its licence, as profile ids. Data: `data/hub_licenses.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from registry.licensing.vocabulary import UNKNOWN

OTHER = "other"
_SCHEME = re.compile(r"^(?:https?:)?//(?:www\.)?|^www\.")
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class HubVocabulary:
    """The hub's licence ids, and the names and links that cards give for `other`, each to a profile id.

    `ids` maps an id without a profile to None. Keys are normalised: see `normal_name` and `normal_link`.
    """

    ids: Mapping[str, str | None]
    names: Mapping[str, str]
    links: Mapping[str, str]


@cache
def load_vocabulary() -> HubVocabulary:
    """The shipped vocabulary."""
    text = resources.files("registry.licensing").joinpath("data/hub_licenses.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return HubVocabulary(
        ids=MappingProxyType({each["id"]: each["profile"] for each in raw["licenses"]}),
        names=MappingProxyType({normal_name(each["name"]): each["profile"] for each in raw["names"]}),
        links=MappingProxyType({normal_link(each["link"]): each["profile"] for each in raw["links"]}),
    )


def profile_ids(
    license: str | Sequence[str] | None,  # noqa: A002 - the card's own name of the field
    license_name: str = "",
    license_link: str = "",
) -> tuple[str, ...] | None:
    """The profiles of the licences that a card names, ANDed, each once; None when the card says nothing.

    `other`, and a card with a name or link alone, is resolved by `license_name`, then by `license_link`. What has no
    profile is "unknown": an id of a whole family, a licence that nobody has read, an id that the hub does not know.
    """
    given = [license] if isinstance(license, str) else list(license or ())
    ids = [each.strip().casefold() for each in given if each.strip()]
    if not ids and (license_name.strip() or license_link.strip()):
        ids = [OTHER]
    if not ids:
        return None
    named = _named(license_name, license_link)
    found = (named if each == OTHER else load_vocabulary().ids.get(each) for each in ids)
    return tuple(dict.fromkeys(each or UNKNOWN for each in found))


def normal_name(name: str) -> str:
    """A licence name without regard to case, spaces, hyphens and underscores."""
    return _SEPARATORS.sub("-", name.strip().casefold())


def normal_link(link: str) -> str:
    """An address without scheme, `www.`, query and fragment, trailing slash, and regard to case."""
    return _SCHEME.sub("", link.strip().casefold()).split("#")[0].split("?")[0].rstrip("/")


def _named(name: str, link: str) -> str | None:
    vocabulary = load_vocabulary()
    return vocabulary.names.get(normal_name(name)) or _linked(normal_link(link), vocabulary.links)


def _linked(link: str, links: Mapping[str, str]) -> str | None:
    """The profile of the longest known address that the link is, or lies below."""
    parts = link.split("/")
    starts = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((links[start] for start in starts if start in links), None)
