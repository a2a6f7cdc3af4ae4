"""Facts from the database and the store: a version's duties, its ancestors, and their papers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from registry.catalog import legal_files
from registry.catalog.lineage import Link, edges_of
from registry.decisions.evaluation import assess
from registry.decisions.facts import effective_licenses, load_lineage
from registry.decisions.rules import current_rules
from registry.duties.facts import RECORDED_APPROVAL, Duty, Facts, Origin, Paper, Step
from registry.errors import wrong_state
from registry.licensing import Catalogue, Obligation
from registry.licensing.vocabulary import NO_EFFECT_EDGES
from registry.storage.artifacts import ArtifactStore
from registry.storage.lookup import rows_of, version_name
from registry.storage.tables import File, Node, Version

COMMERCIAL = "commercial"
# A bundle travels in one message of at most 64 MiB; a paper beyond this is told as missing.
MAX_PAPER_BYTES = 16 << 20
_CHUNK = 1000
# For the query alone; legal_files decides.
_NAMES = ("licen", "copying", "notice", "policy")
_OWN_NAMES = ("readme", "attribution", "changes", "use_restrictions")
_Rows = Mapping[int, tuple[Node, Version]]


@dataclass(slots=True)
class _Papers:
    """Those of one version. ``complete`` unless the content of some declared one is not in the store."""

    papers: list[Paper] = field(default_factory=list)
    too_long: list[str] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """A version as it is to be released. ``distributed`` is always set in the commercial context."""

    node: Node
    version: Version
    context: str
    outbound: str = ""
    distributed: bool = False

    @classmethod
    def of(cls, node: Node, version: Version, context: str, outbound: str, distributed: bool) -> Release:
        return cls(node, version, context, outbound, distributed or context == COMMERCIAL)


class PaperStore:
    """The papers in the store, each read once.

    Read papers before the write lock is taken and hand the same object on: under the lock only those are read that
    nobody has read yet. They go by their SHA-256, so what was read before is what is declared then.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._contents: dict[str, bytes | None] = {}

    def content(self, sha256: str) -> bytes | None:
        """None for what is not in the store."""
        if self._contents.get(sha256) is None:
            here = self._store.has(sha256)
            self._contents[sha256] = b"".join(self._store.read(sha256)) if here else None
        return self._contents[sha256]


def read_papers(session: Session, papers: PaperStore, version: Version) -> None:
    """Reads all papers of a finalized version and its ancestors, for a transaction that comes after."""
    if version.state != "ready":
        return
    _papers(session, papers, rows_of(session, load_lineage(session, version).origins), cast("int", version.id))


def load_facts(
    session: Session, papers: PaperStore, release: Release, obligations: Sequence[Obligation] | None = None
) -> Facts:
    """All that bundles and checks need of a release; ``obligations`` are its own where they are known already.

    Raises FailedPrecondition for a draft, which has no obligations yet.
    """
    node, version = release.node, release.version
    if version.state != "ready":
        raise wrong_state(
            str(version_name(node, version)),
            "is a draft; only a finalized version has duties",
            reason="VERSION_NOT_READY",
            remedy="upload the missing files and finalize it",
        )
    if obligations is None:
        assessed = assess(
            session, node, version, release.context, outbound=release.outbound, distributed=release.distributed
        )
        obligations = assessed.obligations
    own = cast("int", version.id)
    rows = rows_of(session, load_lineage(session, version).origins)
    origins = _origins(session, papers, rows, own)
    short = {id_: version_name(*row).short for id_, row in rows.items()}
    return Facts(
        subject=origins[str(version_name(node, version))],
        digest=version.digest,
        context=release.context,
        outbound=release.outbound,
        distributed=release.distributed,
        duties=_duties(obligations, rows, current_rules(session).catalogue),
        origins=origins,
        steps=[Step(short[edge.child_id], edge.type, short[edge.parent_id]) for edge in _carrying(session, own, rows)],
    )


def _carrying(session: Session, own: int, rows: _Rows) -> list[Link]:
    """The edges that carry terms, the version's own first and then by distance."""
    by_child: dict[int, list[Link]] = defaultdict(list)
    for edge in edges_of(session, rows):
        if edge.type not in NO_EFFECT_EDGES and edge.parent_id in rows:
            by_child[edge.child_id].append(edge)
    found, seen, frontier = [], {own}, [own]
    while frontier:
        level = [edge for child in frontier for edge in by_child[child]]
        found += level
        frontier = [one for one in dict.fromkeys(edge.parent_id for edge in level) if one not in seen]
        seen.update(frontier)
    return found


def _duties(obligations: Sequence[Obligation], rows: _Rows, catalogue: Catalogue) -> tuple[Duty, ...]:
    """One duty for each id, whatever triggers it."""
    grouped: dict[str, list[Obligation]] = defaultdict(list)
    for each in obligations:
        grouped[each.id].append(each)
    return tuple(_duty(group, rows, catalogue) for _, group in sorted(grouped.items()))


def _duty(group: Sequence[Obligation], rows: _Rows, catalogue: Catalogue) -> Duty:
    first = group[0]
    recorded = first.code == RECORDED_APPROVAL
    return Duty(
        code=first.code,
        license=first.qualifier,
        triggers=tuple(sorted({each.trigger.value for each in group})),
        detail="; ".join(dict.fromkeys(each.detail for each in group)),
        origins=tuple(sorted({str(version_name(*rows[int(origin)])) for each in group for origin in each.origins})),
        confidence="verified" if recorded else catalogue.get(first.qualifier).confidence,
    )


def _origins(session: Session, papers: PaperStore, rows: _Rows, subject: int) -> dict[str, Origin]:
    found = _papers(session, papers, rows, subject)
    with_files = _with_files(session, rows)
    return {
        str(version_name(node, version)): _origin(node, version, id_ in with_files, found.get(id_, _Papers()))
        for id_, (node, version) in rows.items()
    }


def _origin(node: Node, version: Version, has_files: bool, papers: _Papers) -> Origin:
    name = version_name(node, version)
    revision = f"@{version.source_revision}" if version.source_revision else ""
    return Origin(
        name=str(name),
        short=name.short,
        # On one line: a name must not be able to write lines of a notice.
        public_name=" ".join(node.display_name.split()) or node.slug,
        licenses=tuple(effective_licenses(version)),
        imported=version.imported,
        source=" ".join(f"{version.source_repo}{revision}".split()) if version.source_repo else "",
        readable=has_files and papers.complete,
        papers=tuple(papers.papers),
        too_long=tuple(papers.too_long),
    )


def _with_files(session: Session, rows: _Rows) -> set[int]:
    found: set[int] = set()
    for chunk in _chunks(rows):
        found.update(session.exec(select(File.version_id).where(col(File.version_id).in_(chunk)).distinct()))
    return found


def _papers(session: Session, papers: PaperStore, rows: _Rows, subject: int) -> dict[int, _Papers]:
    """The text files for people: licences, notices and policies of all, and the subject's card and statements."""
    found: dict[int, _Papers] = defaultdict(_Papers)
    path = func.lower(col(File.path))
    named = or_(*(path.contains(name, autoescape=True) for name in (*_NAMES, *_OWN_NAMES)))
    query = select(File).where(named).order_by(File.path)
    for chunk in _chunks(rows):
        for file in session.exec(query.where(col(File.version_id).in_(chunk))):
            if _is_legal(file.path) or (file.version_id == subject and _is_own_text(file.path)):
                _add(found[file.version_id], papers, file)
    return found


def _add(found: _Papers, papers: PaperStore, file: File) -> None:
    if file.size_bytes > MAX_PAPER_BYTES:
        found.too_long.append(file.path)
        return
    content = papers.content(file.sha256)
    if content is None:
        found.complete = False
    else:
        found.papers.append(Paper(file.path, content))


def _is_legal(path: str) -> bool:
    return legal_files.is_license(path) or bool(legal_files.kind_of(path))


def _is_own_text(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return any(each in name for each in _OWN_NAMES) and (name.endswith((".txt", ".md")) or "." not in name)


def _chunks(ids: Iterable[int]) -> Iterable[Sequence[int]]:
    """Databases limit the number of bound values in one statement."""
    ordered = sorted(ids)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))
