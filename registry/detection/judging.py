"""What was seen against what was declared: the findings of a version, and its detected licences. Pure.

Nothing is chosen silently. A licence that is seen and not declared is detected, so that its terms count beside the
declared ones, and the disagreement is a finding. Two things are no disagreement: the text of an ancestor's licence in a
version that declares its own (most licences ask for that copy), and a declared licence without a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from registry.detection.claims import DATASET
from registry.detection.observations import LicenseSeen, Observations, ParentNamed, Source
from registry.licensing import Catalogue, KnownModel
from registry.licensing.findings import FindingCode
from registry.licensing.vocabulary import TermCode

_MAX_SUBJECT_BYTES = 256


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry knows of a version. Licences are profile ids; names are hub ids and public names, case-folded.

    ``declared`` and ``concluded`` are None where there is none. ``ancestor_licenses`` are the licences that count for
    any ancestor, ``families`` the base families of the weight lineage and of the tokenizer's.
    """

    declared: tuple[str, ...] | None = None
    concluded: tuple[str, ...] | None = None
    ancestor_licenses: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    own_names: frozenset[str] = frozenset()
    ancestor_names: frozenset[str] = frozenset()
    is_model: bool = True
    stand_in: bool = False

    @property
    def stated(self) -> tuple[str, ...] | None:
        """What people say: the conclusion, else the declaration."""
        return self.declared if self.concluded is None else self.concluded


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. With its code and file, ``subject`` tells it from others, so that a later scan knows it again."""

    code: FindingCode
    file: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings, and the licences that the files show; None where they show none."""

    findings: tuple[Found, ...]
    detected: tuple[str, ...] | None


def judge(
    seen: Observations, known: Known, catalogue: Catalogue, find_model: Callable[[str], KnownModel | None]
) -> Judgement:
    """Compares. ``find_model`` gives the catalogue's entry of a hub id."""
    own = [one for one in seen.licenses if one.licenses and not _is_ancestors(one, known)]
    detected = tuple(sorted({each for one in own for each in one.licenses}))
    findings = (
        *_conflicts(own, known),
        *_unidentified(seen),
        *_missing_texts(seen, known, detected, catalogue),
        *_families(seen, known, find_model),
        *_unknown_parents(seen, known, find_model),
        *(Found(FindingCode.FILE_MALFORMED, one.file, "", {"problem": one.problem}) for one in seen.malformed),
    )
    unique = {(one.code, one.file, one.subject): one for one in (_bounded(each, seen) for each in findings)}
    return Judgement(tuple(unique.values()), detected or None)


def _is_ancestors(one: LicenseSeen, known: Known) -> bool:
    """Whether an ancestor's licence explains it: as a copy of its text, or as a card that repeats the base's licence.

    A card's statement is about the version itself; it is a repetition only where that declares no licence of its own.
    """
    stated = known.stated
    if stated is None or not set(one.licenses) <= known.ancestor_licenses or set(one.licenses) & set(stated):
        return False
    return one.source is Source.TEXT or not stated


def _conflicts(own: list[LicenseSeen], known: Known) -> Iterator[Found]:
    stated = known.stated
    if stated is not None:
        differing = [one for one in own if not set(one.licenses) <= set(stated)]
        problem = "the files show a licence that is not declared" if stated else "it is declared to have no licence"
    else:
        texts, claims = (
            {each for one in own if one.source is source for each in one.licenses}
            for source in (Source.TEXT, Source.CLAIM)
        )
        differing = own if texts and claims and texts != claims else []
        problem = "the licence texts and the metadata name different licences"
    if differing:
        shown = sorted({each for one in differing for each in one.licenses})
        detail = {
            "problem": problem,
            "declared": None if known.declared is None else list(known.declared),
            "concluded": None if known.concluded is None else list(known.concluded),
            "detected": shown,
            "seen": [one.to_json() for one in differing],
        }
        yield Found(FindingCode.LICENSE_CONFLICT, differing[0].file, ",".join(shown), detail)


def _unidentified(seen: Observations) -> Iterator[Found]:
    for one in seen.licenses:
        if not one.licenses:
            problem = "the licence is not identified, or has no profile"
            yield Found(
                FindingCode.LICENSE_UNIDENTIFIED, one.file, one.says, {"problem": problem, "seen": [one.to_json()]}
            )


def _missing_texts(seen: Observations, known: Known, detected: Iterable[str], catalogue: Catalogue) -> Iterator[Found]:
    """Own licences alone: which copies an ancestor's licence asks for depends on where the version goes."""
    if not seen.files:
        return
    present = {each for one in seen.licenses if one.source is Source.TEXT for each in one.licenses}
    others = [one.file for one in seen.licenses if one.source is Source.TEXT and not one.licenses]
    for license_id in sorted({*(known.stated or ()), *detected} - present):
        if license_id in catalogue and TermCode.LICENSE_COPY in catalogue.get(license_id).codes:
            clause = catalogue.get(license_id).clause(TermCode.LICENSE_COPY)
            detail = {"problem": "the licence asks for a copy, and no file is one", "clause": clause}
            yield Found(
                FindingCode.LICENSE_TEXT_MISSING, "", license_id, detail | ({"unidentified": others} if others else {})
            )


def _families(seen: Observations, known: Known, find_model: Callable[[str], KnownModel | None]) -> Iterator[Found]:
    """Marks of a family that is not in the lineage. A stand-in bears them on purpose: its lineage is simulated."""
    if not known.is_model or known.stand_in:
        return
    for one in seen.families:
        if known.families.isdisjoint(one.families):
            detail = {
                "problem": "configuration or tokenizer bear the mark of a family that is not in the declared lineage",
                "declared_families": sorted(known.families),
                "seen": [one.to_json()],
            }
            yield Found(FindingCode.UNDECLARED_PARENT_SUSPECTED, one.file, one.fingerprint, detail)
    for parent in _undeclared(seen, known):
        family = _family_of(parent.name, find_model)
        if parent.relation != DATASET and family and family not in known.families:
            detail = {
                "problem": "metadata names a known parent of a family that is not in the declared lineage",
                "parent": parent.name,
                "relation": parent.relation,
                "family": family,
                "declared_families": sorted(known.families),
            }
            yield Found(FindingCode.UNDECLARED_PARENT_SUSPECTED, parent.file, parent.name, detail)


def _unknown_parents(
    seen: Observations, known: Known, find_model: Callable[[str], KnownModel | None]
) -> Iterator[Found]:
    for parent in _undeclared(seen, known):
        entry = find_model(parent.name)
        detail = {
            "problem": "metadata names a parent that is not among the version's ancestors",
            "parent": parent.name,
            "relation": parent.relation,
            "catalogue": None if entry is None else {"hub_id": entry.hub_id, "licenses": list(entry.licenses)},
        }
        yield Found(FindingCode.DECLARED_PARENT_UNKNOWN, parent.file, parent.name, detail)


def _undeclared(seen: Observations, known: Known) -> Iterator[ParentNamed]:
    return (one for one in seen.parents if one.name.casefold() not in known.own_names | known.ancestor_names)


def _family_of(name: str, find_model: Callable[[str], KnownModel | None]) -> str:
    """The base family of a catalogue entry: its own, or that of the model it was made from."""
    entry = find_model(name)
    while entry is not None and not entry.base_family and entry.base is not None:
        entry = find_model(entry.base.hub_id)
    return (entry.base_family or "") if entry is not None else ""


def _bounded(one: Found, seen: Observations) -> Found:
    """With what was not looked at, and a subject that fits into an index of every database."""
    subject = one.subject
    if len(subject.encode()) > _MAX_SUBJECT_BYTES:
        subject = f"sha256:{hashlib.sha256(subject.encode()).hexdigest()}"
    limits = {"not_looked_at": list(seen.not_looked_at)} if seen.not_looked_at else {}
    return Found(one.code, one.file, subject, one.detail | limits)
