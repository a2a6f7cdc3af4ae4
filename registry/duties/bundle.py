"""The bundle: from facts to files, with what each duty is answered by and which texts are missing. Pure.

The same facts and texts give the same bytes: nothing of it depends on the clock, on a random number or on an order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.duties import documents
from registry.duties.digest import obligations_digest
from registry.duties.facts import Duty, Facts, Origin
from registry.duties.texts import Known, LicenseText, lacks_own_copy, texts_for
from registry.duties.wordings import notice_of, wording_of

FORMAT = "spiritsafe-bundle/1"
MANIFEST = "bundle.json"
NOTICE, ATTRIBUTION, DISPLAY = "NOTICE", "ATTRIBUTION.md", "DISPLAY.md"
USE_RESTRICTIONS, CHANGES = "USE_RESTRICTIONS.md", "CHANGES.md"
_GET_DETECTOR = "the extra detect brings many texts: pip install 'spiritsafe[detect]'"


@dataclass(frozen=True, slots=True)
class Missing:
    """A text that is not here. ``duties`` lack it; empty for the outbound licence's own text."""

    path: str
    license: str
    duties: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files by path, bundle.json among them; ``answers`` are the paths that answer each duty, by its id."""

    files: Mapping[str, bytes]
    missing: tuple[Missing, ...]
    answers: Mapping[str, tuple[str, ...]]
    obligations_digest: str


@dataclass(slots=True)
class _Draft:
    """A bundle while it is put together."""

    facts: Facts
    files: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, list[LicenseText]] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)
    policies: dict[str, list[str]] = field(default_factory=dict)
    sources: list[dict[str, str]] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def write(self, path: str, text: str) -> None:
        if text:
            self.files[path] = text.encode()

    def lacks(self, path: str, license_id: str, duties: tuple[str, ...], detail: str) -> None:
        self.missing.append(Missing(path, license_id, duties, detail))


def compose(facts: Facts, known: Known, digest: str = "") -> Bundle:
    """The files that accompany the version.

    Args:
        facts: what the reader of the bundle may see.
        known: a licence's text by its id alone, None for most.
        digest: of the obligations; that of ``facts`` itself where they are whole.
    """
    draft = _Draft(facts)
    _copies(draft, known)
    _policies(draft)
    _note_hidden(draft)
    _note_too_long(draft)
    draft.write(NOTICE, documents.notice(facts))
    draft.write(ATTRIBUTION, documents.attribution(facts))
    draft.write(DISPLAY, documents.display(facts))
    draft.write(USE_RESTRICTIONS, documents.use_restrictions(facts, draft.texts, draft.paths))
    draft.write(CHANGES, documents.changes(facts))
    for duty in facts.duties:
        _answer(draft, duty)
    missing = tuple(sorted(draft.missing, key=lambda each: (each.path, each.duties)))
    digest = digest or obligations_digest(facts)
    draft.files[MANIFEST] = _manifest(draft, missing, digest)
    return Bundle(dict(sorted(draft.files.items())), missing, draft.answers, digest)


def license_path(license_id: str, number: int = 1) -> str:
    """Where the text of a licence is in a bundle; several works under it may each have a text of their own."""
    return f"LICENSES/{license_id}.txt" if number == 1 else f"LICENSES/{license_id}.{number}.txt"


def _copies(draft: _Draft, known: Known) -> None:
    """The texts of the licences that ask for a copy, that pass restrictions on, and of the outbound licence."""
    wanted: dict[str, list[Duty]] = {draft.facts.outbound: []} if draft.facts.outbound else {}
    for code in _WITH_TEXT:
        for duty in draft.facts.of(code):
            wanted.setdefault(duty.license, []).append(duty)
    for license_id, duties in sorted(wanted.items()):
        names = sorted({name for duty in duties for name in duty.origins})
        holders = [draft.facts.origins[name] for name in names]
        texts = texts_for(license_id, draft.facts, holders, known)
        if texts:
            draft.texts[license_id] = texts
        for number, text in enumerate(texts, start=1):
            path = license_path(license_id, number)
            draft.files[path] = text.content
            draft.paths.setdefault(license_id, []).append(path)
            draft.sources.append(
                {"path": path, "license": license_id, "source": text.source, "confidence": text.confidence}
            )
        _note_missing_text(draft, license_id, duties, holders)


def _policies(draft: _Draft) -> None:
    """The acceptable use policies that come with the ancestors, each as it is."""
    for origin in draft.facts.others:
        for paper in origin.policies:
            path = f"POLICIES/{_NOT_IN_PATH.sub('-', origin.short)}/{paper.path}"
            draft.files[path] = paper.content
            source = f"{paper.path} of {origin.short}, sha256 {paper.sha256}"
            licenses = ", ".join(origin.licenses)
            draft.sources.append({"path": path, "license": licenses, "source": source, "confidence": "derived"})
            for license_id in origin.licenses:
                draft.policies.setdefault(license_id, []).append(path)


def _note_hidden(draft: _Draft) -> None:
    facts = draft.facts
    if facts.hidden:
        detail = (
            f"the papers of {facts.hidden} ancestors in namespaces that you may not see: somebody whose token reaches "
            "every namespace of the lineage can make the whole bundle"
        )
        draft.lacks(NOTICE, "", facts.hidden_duties, detail)


def _note_too_long(draft: _Draft) -> None:
    facts = draft.facts
    for origin in facts.origins.values():
        duties = tuple(duty.id for duty in facts.duties if duty.code in _WITH_PAPERS and origin.name in duty.origins)
        for path in origin.too_long:
            detail = f"{path} of {origin.short}, which is too long for a bundle: add it by hand"
            draft.lacks(path, ", ".join(origin.licenses), duties, detail)


def _note_missing_text(draft: _Draft, license_id: str, duties: Sequence[Duty], holders: Sequence[Origin]) -> None:
    lacking = lacks_own_copy(license_id, holders)
    ids = tuple(sorted(duty.id for duty in duties if not _uri_will_do(duty)))
    if license_id in draft.texts and not lacking:
        return
    if duties and not ids:
        return
    of = f" of {', '.join(origin.short for origin in lacking)}, with its copyright line" if lacking else ""
    draft.lacks(license_path(license_id), license_id, ids, f"the text{of}: {_where(license_id, holders)}")


def _uri_will_do(duty: Duty) -> bool:
    return duty.code == "LICENSE_COPY" and bool(wording_of(duty.license).uri)


def _where(license_id: str, holders: Sequence[Origin]) -> str:
    """Where to get a licence's text."""
    places = [wording_of(license_id).text_from, wording_of(license_id).uri]
    places += [f"the licence file of {origin.source}" for origin in holders if origin.source]
    known = [place for place in places if place]
    return "; ".join(known or [f"its publisher's own copy ({license_id})"]) + f"; or {_GET_DETECTOR}"


def _answer(draft: _Draft, duty: Duty) -> None:
    """Notes which files answer the duty; what is lacking was, or is, noted as missing."""
    if duty.code == "NOTICE_FILE":
        _answer_notice(draft, duty)
    elif duty.code == "RETAIN_NOTICES":
        _answer_retained(draft, duty)
    elif duty.code == "ATTRIBUTION":
        _answer_attribution(draft, duty)
    else:
        wanted = _FILES_OF.get(duty.code, ())
        copies = draft.paths.get(duty.license, []) if duty.code in _WITH_TEXT else []
        linked = [ATTRIBUTION] if not copies and _uri_will_do(duty) else []
        policies = draft.policies.get(duty.license, []) if duty.code == "USE_RESTRICTION_FLOWDOWN" else []
        found = (*copies, *linked, *wanted, *policies)
        draft.answers[duty.id] = tuple(path for path in found if path in draft.files)
        if linked:
            _note_words(draft, ATTRIBUTION, duty.license)


_WITH_TEXT = ("LICENSE_COPY", "USE_RESTRICTION_FLOWDOWN")
_WITH_PAPERS = (*_WITH_TEXT, "NOTICE_FILE", "RETAIN_NOTICES")
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9.@-]+")
# What has no ancestor changed nothing, and then there is no CHANGES.md.
_FILES_OF = {
    "STATE_CHANGES": (CHANGES,),
    "DISPLAY_NOTICE": (DISPLAY,),
    "USE_RESTRICTION_FLOWDOWN": (USE_RESTRICTIONS,),
    "USE_RESTRICTIONS": (USE_RESTRICTIONS,),
}


def _answer_notice(draft: _Draft, duty: Duty) -> None:
    text, confidence = notice_of(duty.license, duty.detail, duty.confidence)
    draft.answers[duty.id] = (NOTICE,) if text else ()
    if text:
        _note_words(draft, NOTICE, duty.license, confidence)
    else:
        where = f"the exact notice: its clause gives the words; {_where(duty.license, draft.facts.origins_of(duty))}"
        draft.lacks(NOTICE, duty.license, (duty.id,), where)


def _note_words(draft: _Draft, path: str, license_id: str, confidence: str = "") -> None:
    """Notes where words that are no whole text come from."""
    wording = wording_of(license_id)
    source, sure = wording.source or "its licence profile", confidence or wording.confidence
    draft.sources.append({"path": path, "license": license_id, "source": source, "confidence": sure})


def _answer_retained(draft: _Draft, duty: Duty) -> None:
    others = [origin for origin in draft.facts.origins_of(duty) if origin.name != draft.facts.subject.name]
    draft.answers[duty.id] = (NOTICE,) if any(origin.notices for origin in others) else ()
    for origin in others:
        if not origin.readable:
            where = origin.source or "where it was published"
            detail = f"the notices of {origin.short}, which are not all here: look at {where}"
            draft.lacks(NOTICE, duty.license, (duty.id,), detail)


def _answer_attribution(draft: _Draft, duty: Duty) -> None:
    draft.answers[duty.id] = (ATTRIBUTION,) if ATTRIBUTION in draft.files else ()
    for origin in draft.facts.origins_of(duty):
        if origin.imported and not origin.maker:
            detail = f"who made {origin.short}: neither its source nor its public name says"
            draft.lacks(ATTRIBUTION, duty.license, (duty.id,), detail)


def _manifest(draft: _Draft, missing: Sequence[Missing], digest: str) -> bytes:
    facts = draft.facts
    lacking = {duty_id for each in missing for duty_id in each.duties}
    data: dict[str, Any] = {
        "format": FORMAT,
        "version": facts.subject.name,
        "version_digest": facts.digest,
        "public_name": facts.subject.public_name,
        "context": facts.context,
        "outbound_license": facts.outbound,
        "distributed": facts.distributed,
        "obligations_digest": digest,
        "duties": [
            {
                "code": duty.id,
                "triggers": list(duty.triggers),
                "detail": duty.detail,
                "origins": list(duty.origins),
                "confidence": duty.confidence,
                "files": list(draft.answers[duty.id]),
                "complete": duty.id not in lacking,
            }
            for duty in facts.duties
        ],
        "texts": sorted(draft.sources, key=lambda each: (each["path"], each["license"])),
        "missing": [
            {"path": each.path, "license": each.license, "duties": list(each.duties), "detail": each.detail}
            for each in missing
        ],
        "files": [
            {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in sorted(draft.files.items())
        ],
    }
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
