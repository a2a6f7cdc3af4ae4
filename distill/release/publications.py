"""What a run registers: one version each, with kind, licences and typed edges. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from distill.recipe import Checkpoint, Recipe
from spiritsafe.registry.v1 import catalog_pb2, version_pb2
from spiritsafe.rpc.names import Collection, NodeName

_MAX_ID = 63
_COMPLETENESS = {
    "partial": version_pb2.LINEAGE_COMPLETENESS_PARTIAL,
    "complete": version_pb2.LINEAGE_COMPLETENESS_COMPLETE,
    "root": version_pb2.LINEAGE_COMPLETENESS_COMPLETE,
}


@dataclass(frozen=True, slots=True)
class Publication:
    """A version to be registered below the model or dataset ``node``, which gets ``display_name`` when it is new."""

    node: NodeName
    display_name: str
    version: version_pb2.Version


@dataclass(frozen=True, slots=True)
class Parents:
    """Resource names of what the student's versions stand on."""

    base: str
    traces: str
    evaluation: str
    teacher: str


def base_publication(
    namespace: str,
    published: str,
    entry: catalog_pb2.CatalogEntry | None,
    parents: Sequence[version_pb2.Edge],
    checkpoint: Checkpoint | None = None,
    digest: str = "",
    revision: str = "",
) -> Publication:
    """A model as somebody else published it; ``checkpoint`` is None for one that is only an ancestor here.

    Without an entry nothing is known of its licence, so none is declared: it counts as unknown. ``published`` is the
    hub repository, or the name of a folder of unknown origin (no slash).
    """
    version = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_BASE,
        imported=True,
        edges=parents,
        source=version_pb2.Source(hub_repo=published if "/" in published else "", revision=revision),
        lineage_completeness=version_pb2.LINEAGE_COMPLETENESS_PARTIAL,
        stand_in=checkpoint is not None and checkpoint.stand_in,
    )
    if digest:
        version.tags["checkpoint_sha256"] = digest
    if entry is not None:
        version.declared_licenses.ids.extend(entry.licenses)
        version.base_family = entry.base_family
        version.multimodal = entry.multimodal
        version.lineage_completeness = _COMPLETENESS.get(
            entry.lineage_completeness, version_pb2.LINEAGE_COMPLETENESS_PARTIAL
        )
    return Publication(_name(namespace, "models", slug(published)), published, version)


def teacher_data(recipe: Recipe) -> Publication:
    """The data that the teacher is tuned on: made here, or the user's own, of which nothing is known."""
    version = version_pb2.Version(kind=version_pb2.VERSION_KIND_TRAJECTORIES)
    if recipe.teacher.dataset_path:
        version.imported = True
    else:
        _made_here(version, [])
    return Publication(_name(recipe.namespace, "datasets", recipe.teacher.data_id), recipe.teacher.data_id, version)


def teacher_adapter(recipe: Recipe, licenses: Sequence[str], base: str, data: str) -> Publication:
    """The tuned teacher."""
    version = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_ADAPTER,
        edges=[_edge(version_pb2.EDGE_TYPE_ADAPTER, base), _edge(version_pb2.EDGE_TYPE_TRAINED_ON, data)],
        stand_in=recipe.teacher.base.stand_in,
    )
    _made_here(version, licenses)
    teacher = recipe.teacher
    return Publication(_name(recipe.namespace, "models", teacher.model_id), teacher.display_name, version)


def replay_data(recipe: Recipe, digest: str) -> Publication:
    """The user's own data that replay rows are drawn from, of which nothing is known. It stays where it is."""
    version = version_pb2.Version(kind=version_pb2.VERSION_KIND_TRAJECTORIES, imported=True)
    version.tags["file_sha256"] = digest
    return Publication(_name(recipe.namespace, "datasets", recipe.replay_id), recipe.replay_id, version)


def traces(recipe: Recipe, teacher: str, judge: str = "", replay: str = "") -> Publication:
    """The dataset of verified answers. No licence of its own: what reaches it comes through its parents.

    ``judge`` is empty where no model had a say in it, and ``replay`` where nothing but verified answers is in it.
    """
    version = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_TRAJECTORIES,
        edges=[
            _edge(version_pb2.EDGE_TYPE_GENERATED_BY, teacher),
            *([_edge(version_pb2.EDGE_TYPE_JUDGED_BY, judge)] if judge else []),
            *([_edge(version_pb2.EDGE_TYPE_DERIVED_FROM, replay)] if replay else []),
        ],
        stand_in=recipe.teacher.base.stand_in,
    )
    _made_here(version, [])
    return Publication(_name(recipe.namespace, "datasets", recipe.traces_id), recipe.traces_id, version)


def evaluation_data(recipe: Recipe) -> Publication:
    """The held-out scenarios."""
    version = version_pb2.Version(kind=version_pb2.VERSION_KIND_EVALUATION)
    _made_here(version, [])
    name = recipe.student.evaluation_id
    return Publication(_name(recipe.namespace, "datasets", name), name, version)


def student_adapter(recipe: Recipe, parents: Parents) -> Publication:
    """The student as an adapter."""
    version = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_ADAPTER,
        edges=[
            _edge(version_pb2.EDGE_TYPE_ADAPTER, parents.base),
            _edge(version_pb2.EDGE_TYPE_TRAINED_ON, parents.traces),
        ],
        stand_in=recipe.stand_in,
    )
    _made_here(version, recipe.student.licenses)
    student = recipe.student
    return Publication(
        _name(recipe.namespace, "models", student.adapter_id), f"{student.display_name}-adapter", version
    )


def merged_student(recipe: Recipe, parents: Parents, adapter: str) -> Publication:
    """The student as full weights."""
    version = version_pb2.Version(
        kind=version_pb2.VERSION_KIND_FULL,
        edges=[
            _edge(version_pb2.EDGE_TYPE_MERGE, parents.base),
            _edge(version_pb2.EDGE_TYPE_MERGE, adapter),
            _edge(version_pb2.EDGE_TYPE_TRAINED_ON, parents.traces),
            _edge(version_pb2.EDGE_TYPE_EVALUATED_ON, parents.evaluation),
            # One behind an endpoint was asked, and never scored.
            *([] if recipe.teacher.endpoint else [_edge(version_pb2.EDGE_TYPE_EVALUATED_AGAINST, parents.teacher)]),
        ],
        stand_in=recipe.stand_in,
    )
    _made_here(version, recipe.student.licenses)
    student = recipe.student
    return Publication(_name(recipe.namespace, "models", student.model_id), student.display_name, version)


def catalog_edge(parent: catalog_pb2.CatalogParent, name: str) -> version_pb2.Edge:
    """The edge to a catalogue entry's parent, which is registered as ``name``."""
    return _edge(version_pb2.EdgeType.Value(f"EDGE_TYPE_{parent.edge_type.upper()}"), name)


def same_base(found: version_pb2.Version, wanted: version_pb2.Version) -> bool:
    """Whether a registered base is the one that would be registered, so that it can serve several runs."""
    return (
        found.kind == wanted.kind
        and found.stand_in == wanted.stand_in
        and found.source == wanted.source
        and found.tags.get("checkpoint_sha256") == wanted.tags.get("checkpoint_sha256")
    )


def slug(published: str) -> str:
    """The registry id for a hub repository (the organisation in front) or a folder: lower case, no other characters."""
    text = re.sub(r"[^a-z0-9._-]+", "-", published.lower()).strip("-._") or "base"
    if len(text) <= _MAX_ID:
        return text
    return f"{text[: _MAX_ID - 9]}-{hashlib.sha256(published.encode()).hexdigest()[:8]}"


def _made_here(version: version_pb2.Version, licenses: Sequence[str]) -> None:
    # Present even when empty: made here, with no licence of its own, is not the same as nothing known.
    version.declared_licenses.SetInParent()
    version.declared_licenses.ids.extend(licenses)
    version.lineage_completeness = version_pb2.LINEAGE_COMPLETENESS_COMPLETE


def _edge(kind: version_pb2.EdgeType.ValueType, parent: str) -> version_pb2.Edge:
    return version_pb2.Edge(type=kind, parent=parent)


def _name(namespace: str, collection: Collection, node_id: str) -> NodeName:
    return NodeName(namespace, collection, node_id)
