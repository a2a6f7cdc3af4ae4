"""The import of one MLflow server: each of its versions once, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from cli.importing.ids import id_of, marked_id
from cli.importing.mlflow.facts import (
    MODEL_TAG,
    SERVER_TAG,
    VERSION_TAG,
    aliases_of,
    describe,
    licenses,
    model_tags,
    pairs,
)
from cli.importing.mlflow.server import PROXIED, MlflowServer, RemoteFile
from cli.importing.sources import CARD_FILE, read_card
from cli.options import invalid
from cli.pages import every
from spiritsafe.client import Client
from spiritsafe.errors import InvalidArgument, NotFound
from spiritsafe.places import inside
from spiritsafe.publish import Progress, ensure_node, publish_once
from spiritsafe.registry.v1 import import_pb2, version_pb2
from spiritsafe.rpc.names import NodeName, check_id

# Versions of one model that are looked through for those that were imported before.
LIMIT = 100_000
READY = "READY"


@dataclass(slots=True)
class Imported:
    """What became of one version of MLflow. ``name`` is the registry's, empty for a dry run."""

    number: str
    name: str = ""
    outcome: str = "planned"
    files: int = 0
    size_bytes: int = 0
    licenses: list[str] | None = None
    aliases: list[str] = field(default_factory=list)
    left_out: list[import_pb2.LeftOutFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportedModel:
    """What became of one registered model."""

    mlflow: str
    node: NodeName
    versions: list[Imported] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MlflowImporter:
    """Imports into one namespace. ``bars`` shows how far transfers are, ``begin`` is told of each version."""

    client: Client
    server: MlflowServer
    namespace: str
    bars: Callable[[], AbstractContextManager[Progress]]
    begin: Callable[[str], None]
    dry_run: bool = False

    def run(self, names: Sequence[str]) -> Iterator[ImportedModel]:
        """Imports the models of these names, or all. Raises NotFound for a name that the server does not know."""
        check_id(self.namespace, "namespace")
        found = [self.server.model(name) for name in names] if names else list(self.server.models())
        for model in found:
            yield self._model(model)

    def _model(self, model: Mapping[str, Any]) -> ImportedModel:
        name = str(model["name"])
        node, present = self._place(name)
        result, aliases = ImportedModel(name, node), aliases_of(model)
        for version in self.server.versions(name):
            number = str(version["version"])
            outcome = Imported(number, aliases=sorted(aliases.get(number, [])))
            result.versions.append(outcome)
            if number in present:
                _describe(outcome, present[number], "unchanged")
            elif version.get("status", READY) != READY:
                outcome.outcome = "skipped"
                outcome.notes.append(f"it is {version['status']} on the MLflow server")
            else:
                self.begin(f"{name} version {number}")
                self._version(node, model, version, outcome)
        return result

    def _place(self, model: str) -> tuple[NodeName, dict[str, version_pb2.Version]]:
        """Where the versions of a model go, and those that came from it before, by their number on the server."""
        for id_ in (id_of(model), marked_id(model, f"{self.server.uri} {model}")):
            node = NodeName(self.namespace, "models", id_)
            found = self._versions(node)
            mine = {
                one.tags[VERSION_TAG]: one
                for one in found
                if (one.tags.get(MODEL_TAG), one.tags.get(SERVER_TAG)) == (model, self.server.uri)
            }
            if mine or not found:
                ready = version_pb2.VERSION_STATE_READY
                return node, {number: one for number, one in mine.items() if one.state == ready}
        raise invalid("model", f"the ids for {model!r} are taken by something else", "import into another --namespace")

    def _versions(self, node: NodeName) -> list[version_pb2.Version]:
        request = version_pb2.ListVersionsRequest(parent=str(node), view=version_pb2.VERSION_VIEW_BASIC)
        try:
            return list(every(self.client.versions.ListVersions, request, "versions", LIMIT))
        except NotFound:
            return []

    def _version(self, node: NodeName, model: Mapping[str, Any], version: Mapping[str, Any], outcome: Imported) -> None:
        run = self.server.run(str(version["run_id"])) if version.get("run_id") else {}
        described = describe(self.server.uri, version, run, outcome.aliases)
        if described.left_out:
            outcome.notes.append(f"no room for the tags {', '.join(sorted(described.left_out))}")
        files = self._files(str(model["name"]), outcome)
        with TemporaryDirectory(prefix="spiritsafe-mlflow-") as temporary:
            folder = Path(temporary)
            card = self._card(files, folder, outcome)
            tagged = (version.get("tags"), model.get("tags"), run.get("data", {}).get("tags"))
            said = licenses(*map(pairs, tagged))
            plan = self._plan(node, said, card, files)
            outcome.left_out = list(plan.left_out)
            outcome.notes += plan.warnings
            declared = _declared(plan, version, described.tags)
            outcome.licenses = list(plan.declared_licenses.ids) if plan.HasField("declared_licenses") else None
            refused = {one.path for one in plan.left_out}
            kept = [file for file in files if file.path not in refused]
            outcome.files, outcome.size_bytes = len(kept), sum(file.size_bytes for file in kept)
            if not self.dry_run:
                name = str(model["name"])
                ensure_node(self.client, node, name, str(model.get("description", "")), model_tags(model))
                made = self._publish(node, declared, kept, folder)
                _describe(outcome, made, "imported")

    def _publish(
        self, node: NodeName, declared: version_pb2.Version, files: Sequence[RemoteFile], folder: Path
    ) -> version_pb2.Version:
        content = folder / "files"
        with self.bars() as progress:
            for file in files:
                place = inside(content, file.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                self.server.fetch(file, place, progress)
            return publish_once(self.client, str(node), declared, content if files else None, progress)

    def _files(self, model: str, outcome: Imported) -> list[RemoteFile]:
        address = self.server.artifacts_of(model, outcome.number)
        if urlsplit(address).scheme != PROXIED:
            outcome.notes.append(f"its files lie outside of the server's artifact proxy, at {address}: left there")
            return []
        return self.server.files(address)

    def _card(self, files: Sequence[RemoteFile], folder: Path, outcome: Imported) -> Mapping[str, Any]:
        """The metadata of a model card among the files."""
        card = next((file for file in files if file.path == CARD_FILE), None)
        if card is None:
            return {}
        place = folder / CARD_FILE
        self.server.fetch(card, place, lambda *_: None)
        try:
            return read_card(place)
        except InvalidArgument as error:
            outcome.notes.append(error.message)
            return {}

    def _plan(
        self, node: NodeName, said: Sequence[str], card: Mapping[str, Any], files: Sequence[RemoteFile]
    ) -> import_pb2.PlanImportResponse:
        """What the registry makes of the licence, and which files it does not take."""
        from_card = card.get("license") or []
        stated = list(said) or ([from_card] if isinstance(from_card, str) else [str(one) for one in from_card])
        question = import_pb2.HubCard(
            # No repository of a hub: a name of that form, by which its sentences call the model.
            hub_repo=f"mlflow/{node.id}",
            kind=import_pb2.HUB_REPO_KIND_MODEL,
            license=stated,
            paths=[file.path for file in files],
            from_folder=True,
        )
        return self.client.imports.PlanImport(import_pb2.PlanImportRequest(card=question))


def _declared(
    plan: import_pb2.PlanImportResponse, version: Mapping[str, Any], tags: Mapping[str, str]
) -> version_pb2.Version:
    """A version whose ancestors MLflow does not know."""
    declared = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_BASE,
        imported=True,
        description=str(version.get("description", "")),
        tags=dict(tags),
        lineage_completeness=version_pb2.LINEAGE_COMPLETENESS_PARTIAL,
    )
    if plan.HasField("declared_licenses"):
        declared.declared_licenses.CopyFrom(plan.declared_licenses)
    return declared


def _describe(outcome: Imported, version: version_pb2.Version, word: str) -> None:
    outcome.name, outcome.outcome = version.name, word
    if version.files:
        outcome.files = len(version.files)
        outcome.size_bytes = sum(file.size_bytes for file in version.files)
    if version.HasField("declared_licenses"):
        outcome.licenses = list(version.declared_licenses.ids)
