"""Which kinds of version and which edges fit together (the vocabulary of lineage), and cycles. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from registry.errors import invalid
from registry.licensing.vocabulary import DISTILLATION_EDGES, WEIGHTS_EDGES, EdgeType
from spiritsafe.hub.names import is_commit, is_repo

MODELS, DATASETS = "models", "datasets"
FILES_EXTERNAL = "FILES_EXTERNAL"
KINDS = {
    MODELS: frozenset({"base", "adapter", "full", "quantized"}),
    DATASETS: frozenset({"prompts", "trajectories", "evaluation"}),
}
# Child and parent collections for each edge. What produced or judged rows, a service included, is a model here.
_MODEL_TO_MODEL = frozenset({(MODELS, MODELS)})
ENDS: Mapping[EdgeType, frozenset[tuple[str, str]]] = {
    **dict.fromkeys(WEIGHTS_EDGES | DISTILLATION_EDGES, _MODEL_TO_MODEL),
    EdgeType.TOKENIZER_OF: _MODEL_TO_MODEL,
    EdgeType.GENERATED_BY: frozenset({(DATASETS, MODELS)}),
    EdgeType.DERIVED_FROM: frozenset({(DATASETS, DATASETS)}),
    EdgeType.TRAINED_ON: frozenset({(MODELS, DATASETS)}),
    # A judge filters rows, or rewards a model directly.
    EdgeType.JUDGED_BY: frozenset({(DATASETS, MODELS), (MODELS, MODELS)}),
    EdgeType.EVALUATED_ON: frozenset({(MODELS, DATASETS)}),
    EdgeType.EVALUATED_AGAINST: frozenset({(MODELS, MODELS), (MODELS, DATASETS)}),
}


def check_kind(kind: str, collection: str) -> None:
    """Raises InvalidArgument when versions of that kind do not belong to the collection."""
    if kind not in KINDS[collection]:
        known = ", ".join(sorted(KINDS[collection]))
        raise invalid("version.kind", f"{kind or 'unspecified'!r} is no kind of {collection}; choose one of {known}")


def check_files_declared(imported: bool, count: int) -> None:
    """Raises InvalidArgument when a version without files is not an imported one, whose bytes may lie elsewhere."""
    if count == 0 and not imported:
        raise invalid(
            "version.files",
            "is empty; only an imported version may leave its bytes where they were published",
            reason="NO_FILES",
            remedy="declare the files of the version",
        )


def check_external(external: Sequence[bool], imported: bool, hub_repo: str, revision: str) -> None:
    """Raises InvalidArgument for an external file of a version that does not say where its files lie for good."""
    if not any(external):
        return
    field = f"version.files[{external.index(True)}].external"
    if not imported:
        raise invalid(field, "is set, but the version is not imported", reason="EXTERNAL_NOT_IMPORTED")
    if not (is_repo(hub_repo) and is_commit(revision)):
        raise invalid(
            field,
            f"is set, but {hub_repo!r} at {revision!r} is no repository at a commit",
            reason="EXTERNAL_WITHOUT_SOURCE",
            remedy="set version.source to ORGANISATION/NAME and the 40 hexadecimal digits of the commit",
        )


def mirror_remedy(version: str) -> str:
    """What to do about external files that were not mirrored; ``version`` is the short name."""
    return f"bring them into the registry's store: spiritsafe version mirror {version}"


def check_edge(field: str, edge_type: str, child: tuple[str, str], parent_collection: str) -> None:
    """``child`` is its collection and kind. Raises InvalidArgument when the edge cannot join such a pair."""
    if not edge_type:
        raise invalid(field, "needs a type", remedy=f"choose one of {', '.join(EdgeType)}")
    collection, kind = child
    ends = ENDS[EdgeType(edge_type)]
    if (collection, parent_collection) not in ends:
        fitting = " or ".join(f"{start} to {end}" for start, end in sorted(ends))
        raise invalid(
            field,
            f"{edge_type} goes from {fitting}, not from {collection} to {parent_collection}",
            reason="EDGE_TYPE_MISMATCH",
            remedy="choose the edge type that says what happened",
        )
    # An adapter edge may count as contested: only what is shipped without the base's weights may use it.
    if edge_type == EdgeType.ADAPTER and kind != "adapter":
        raise invalid(
            field,
            f"an adapter edge starts at a version of kind adapter, not {kind}",
            reason="EDGE_TYPE_MISMATCH",
            remedy="use merge for merged weights, finetune for fully tuned ones",
        )


def find_cycle(parents: Mapping[int, Sequence[int]], child: int, parent: int) -> list[int]:
    """The shortest cycle that an edge from child to parent would close, as [child, parent, …, child]; [] for none."""
    came_from = {parent: child}
    queue = deque([parent])
    while queue:
        node = queue.popleft()
        if node == child:
            return _trace(came_from, child, parent)
        for upward in parents.get(node, ()):
            if upward not in came_from:
                came_from[upward] = node
                queue.append(upward)
    return []


def _trace(came_from: Mapping[int, int], child: int, parent: int) -> list[int]:
    path, node = [child], child
    while node != parent:
        node = came_from[node]
        path.append(node)
    return [child, *reversed(path)]
