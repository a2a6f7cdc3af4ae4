"""Licence texts: from the origin's own files, from the version's, shipped with the product, or from the detector.

No text is ever put together or written here. The shipped ones are byte for byte those of the Debian package base-files;
that of Apache-2.0 is also this repository's own LICENSE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from registry.detection.texts import license_text
from registry.duties.facts import Facts, Origin, Paper, plain

# Their text holds the copyright line of each work, so only the origin's own copy will do.
OWN_COPY_ONLY = frozenset({"mit", "bsd-2-clause", "bsd-3-clause", "isc"})
_SHIPPED_NAMES = frozenset({"apache-2.0", "cc0-1.0"})


@dataclass(frozen=True, slots=True)
class LicenseText:
    """The text of a licence, where it comes from, and how sure it is that it is that licence's."""

    license: str
    content: bytes
    source: str
    confidence: str


Known = Callable[[str], LicenseText | None]


def known_text(license_id: str) -> LicenseText | None:
    """A licence's text by its id alone: shipped, else of the detector's database where that is installed."""
    if license_id in OWN_COPY_ONLY:
        return None
    return _shipped(license_id) or _of_detector(license_id)


@cache
def _shipped(license_id: str) -> LicenseText | None:
    if license_id not in _SHIPPED_NAMES:
        return None
    content = resources.files("registry.duties").joinpath(f"data/texts/{license_id}.txt").read_bytes()
    return LicenseText(license_id, content, "shipped with Spiritsafe", "verified")


def _of_detector(license_id: str) -> LicenseText | None:
    text = license_text(license_id)
    if text is None:
        return None
    return LicenseText(license_id, text.encode(), "the detector's licence database", "secondary")


def texts_for(license_id: str, facts: Facts, holders: Sequence[Origin], known: Known) -> list[LicenseText]:
    """The texts to pass on for one licence, each once: every holder's own, else the version's, else a known one.

    ``holders`` are the origins that have the licence. Empty where nothing is known.
    """
    reference = known(license_id)
    found: dict[bytes, LicenseText] = {}
    for holder in holders:
        paper = own_paper(holder, license_id)
        if paper is not None:
            found.setdefault(paper.content, _own(license_id, holder, paper, reference))
    if found:
        return list(found.values())
    paper = named_paper(facts.subject, license_id)
    if paper is not None:
        return [_own(license_id, facts.subject, paper, reference)]
    return [reference] if reference else []


def lacks_own_copy(license_id: str, holders: Sequence[Origin]) -> list[Origin]:
    """The holders of a licence with their own copyright line whose copy is not here."""
    if license_id not in OWN_COPY_ONLY:
        return []
    return [holder for holder in holders if own_paper(holder, license_id) is None]


def own_paper(origin: Origin, license_id: str) -> Paper | None:
    """The origin's file with the licence's text: the one of its name, else the licence file of its only licence."""
    named = named_paper(origin, license_id)
    if named is not None or origin.licenses != (license_id,):
        return named
    papers = [paper for paper in origin.papers if paper.is_license]
    return min(papers, key=lambda paper: (paper.path.count("/"), paper.path), default=None)


def named_paper(origin: Origin, license_id: str) -> Paper | None:
    """The origin's file that bears the licence's id: LICENSES/<id>.txt, LICENSE-<id>.md and the like."""
    for paper in sorted(origin.papers, key=lambda each: each.path):
        stem = paper.name.removesuffix(PurePosixPath(paper.path).suffix).lower()
        if paper.is_license and stem in (license_id, f"license-{license_id}", f"license.{license_id}"):
            return paper
    return None


def _own(license_id: str, holder: Origin, paper: Paper, reference: LicenseText | None) -> LicenseText:
    same = reference is not None and plain(reference.content.decode()) == plain(paper.text)
    source = f"{paper.path} of {holder.short}, sha256 {paper.sha256}"
    # That a file called LICENSE holds the declared licence is inferred, unless it has the words of a known text.
    return LicenseText(license_id, paper.content, source, "verified" if same else "derived")
