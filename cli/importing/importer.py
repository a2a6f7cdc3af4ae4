"""One import: the parents that are missing first, then the repository itself; each once, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

from cli.importing.cards import hub_card
from cli.importing.registered import Registered, finished
from cli.importing.sources import Source
from cli.options import invalid
from spiritsafe.client import Client
from spiritsafe.errors import NotFound, PermissionDenied
from spiritsafe.hub.names import HubFile, RepoRef, Snapshot
from spiritsafe.publish import Progress, publish_content
from spiritsafe.registry.v1 import import_pb2, version_pb2

# Edges up from what is imported. The longest chains that publishers name have five.
MAX_DEPTH = 8


class Files(StrEnum):
    """Which bytes an import brings along."""

    METADATA = "metadata"
    EXTERNAL = "external"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; ``kind`` is empty for the one that the card suggests, and ``id`` for one made of the name."""

    files: Files
    id: str = ""
    kind: str = ""
    parents: bool = True
    dry_run: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of one repository. ``version`` is the full name, empty for a dry run."""

    snapshot: Snapshot
    plan: import_pb2.PlanImportResponse
    version: str = ""
    imported: bool = False
    files: int = 0
    external_files: int = 0
    warnings: list[str] = field(default_factory=list)
    parents: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports into one namespace. ``bars`` shows how far transfers are."""

    client: Client
    source: Source
    registered: Registered
    bars: Callable[[], AbstractContextManager[Progress]]
    done: dict[tuple[str, str], Outcome | None] = field(default_factory=dict)

    def run(self, ref: RepoRef, revision: str, wish: Wish) -> Outcome:
        """Imports the repository; one of the same commit that has what is wished for is found, not made again.

        Raises what the hub and the registry refuse.
        """
        snapshot = self.source.snapshot(ref, revision)
        self.done[snapshot.ref.key] = None
        return self._import(snapshot, wish, MAX_DEPTH)

    def _import(self, snapshot: Snapshot, wish: Wish, depth: int) -> Outcome:
        node, versions = self.registered.place(snapshot.ref, wish.id)
        card = hub_card(snapshot, from_folder=self.source.from_folder)
        plan = self.client.imports.PlanImport(import_pb2.PlanImportRequest(card=card))
        outcome = Outcome(snapshot, plan, warnings=list(plan.warnings))
        present = next((one for one in finished(versions, snapshot.ref) if _serves(one, snapshot, wish)), None)
        if present is not None:
            _describe(outcome, present)
            return outcome
        if wish.dry_run:
            return outcome
        version = _version(snapshot, plan, wish)
        version.edges.extend(self._edges(outcome, wish, depth))
        _settle(version, outcome)
        files = [] if wish.files is Files.METADATA else self._kept(snapshot, plan)
        version.files.extend(self._entry(snapshot, file, wish.files) for file in files)
        self.registered.ensure(node, snapshot.ref)
        by_path = {file.path: file for file in files}
        with self.bars() as progress:
            made = publish_content(
                self.client,
                str(node),
                version,
                lambda entry: self.source.chunks(snapshot, by_path[entry.path]),
                progress,
            )
        _describe(outcome, made)
        outcome.imported = True
        return outcome

    def _edges(self, outcome: Outcome, wish: Wish, depth: int) -> list[version_pb2.Edge]:
        """The edges to the parents, which are imported where they are missing."""
        planned = outcome.plan.parents
        if not planned:
            return []
        if not wish.parents or not depth:
            why = "on request" if not wish.parents else f"more than {MAX_DEPTH} edges up"
            outcome.warnings.append(f"parents left out {why}: {', '.join(one.hub_repo for one in planned)}")
            return []
        edges = []
        for parent in planned:
            made = self._parent(parent, outcome, depth - 1)
            if made is None:
                outcome.warnings.append(f"{parent.hub_repo} is its own ancestor by its cards: this edge is left out")
                continue
            if made not in outcome.parents:
                outcome.parents.append(made)
            edges.append(version_pb2.Edge(type=parent.type, parent=made.version))
        return edges

    def _parent(self, parent: import_pb2.ImportParent, child: Outcome, depth: int) -> Outcome | None:
        """The parent, registered; None where it is being imported already, further down."""
        ref = RepoRef(parent.hub_repo, "datasets" if parent.kind == import_pb2.HUB_REPO_KIND_DATASET else "models")
        if ref.key in self.done:
            return self.done[ref.key]
        self.done[ref.key] = None
        service = parent.kind == import_pb2.HUB_REPO_KIND_SERVICE
        self.done[ref.key] = made = self._found(ref) or self._import(
            Snapshot(ref, service=True) if service else self._snapshot(ref, child), Wish(Files.METADATA), depth
        )
        return made

    def _found(self, ref: RepoRef) -> Outcome | None:
        """The newest version of the repository that is registered already, whatever its commit."""
        _, versions = self.registered.place(ref)
        newest = next(finished(versions, ref), None)
        if newest is None:
            return None
        outcome = Outcome(Snapshot(ref, newest.source.revision), import_pb2.PlanImportResponse())
        _describe(outcome, newest)
        return outcome

    def _snapshot(self, ref: RepoRef, child: Outcome) -> Snapshot:
        """The parent as it is now; a name alone where it cannot be read, so that its terms are not forgotten."""
        try:
            return self.source.snapshot(ref)
        except (NotFound, PermissionDenied) as error:
            child.warnings.append(f"{error.message}: recorded with what the catalogue knows")
            return Snapshot(ref)

    def _kept(self, snapshot: Snapshot, plan: import_pb2.PlanImportResponse) -> list[HubFile]:
        left_out = {one.path for one in plan.left_out}
        kept = [file for file in snapshot.files if file.path not in left_out]
        if not kept:
            raise invalid(
                "files",
                f"{snapshot.ref.repo} has no file that a version can take",
                "import it with --files metadata; pickles are converted to safetensors by their publisher or by you",
            )
        return kept

    def _entry(self, snapshot: Snapshot, file: HubFile, files: Files) -> version_pb2.FileEntry:
        external = files is Files.EXTERNAL and bool(file.sha256)
        sha256 = self.source.digest(snapshot, file)
        return version_pb2.FileEntry(path=file.path, size_bytes=file.size_bytes, sha256=sha256, external=external)


def _version(snapshot: Snapshot, plan: import_pb2.PlanImportResponse, wish: Wish) -> version_pb2.Version:
    kind = version_pb2.VersionKind.Value(f"VERSION_KIND_{wish.kind.upper()}") if wish.kind else plan.kind
    version = version_pb2.Version(
        kind=kind,
        imported=True,
        base_family=plan.base_family,
        multimodal=plan.multimodal,
        lineage_completeness=plan.lineage_completeness,
        source=version_pb2.Source(hub_repo=snapshot.ref.repo, revision=snapshot.commit),
    )
    if plan.HasField("declared_licenses"):
        version.declared_licenses.CopyFrom(plan.declared_licenses)
    return version


def _settle(version: version_pb2.Version, outcome: Outcome) -> None:
    """Says of a version with fewer edges than planned that its lineage is not complete."""
    if len(version.edges) == len(outcome.plan.parents):
        return
    version.lineage_completeness = version_pb2.LINEAGE_COMPLETENESS_PARTIAL
    if version.kind == version_pb2.VERSION_KIND_ADAPTER and not version.edges:
        version.kind = version_pb2.VERSION_KIND_BASE
        outcome.warnings.append("an adapter without its base is recorded as kind base")


def _serves(version: version_pb2.Version, snapshot: Snapshot, wish: Wish) -> bool:
    """Whether a version of the repository is of the same commit and has the bytes that are wished for."""
    if version.source.revision != snapshot.commit:
        return False
    if wish.files is Files.ALL:
        return bool(version.files) and all(file.uploaded for file in version.files)
    return wish.files is Files.METADATA or bool(version.files)


def _describe(outcome: Outcome, version: version_pb2.Version) -> None:
    outcome.version = version.name
    outcome.files = len(version.files)
    outcome.external_files = sum(file.external and not file.uploaded for file in version.files)
