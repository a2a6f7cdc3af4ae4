"""Edges of drafts, cycles, and walking the lineage, over real gRPC."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from tests.registry.catalog.publishing import dataset, declare, edge, finalize, get, manifest, model, publish

Events = Callable[[], list[AuditEvent]]


def add_edge(client: Client, child: str, type_: str, parent: str) -> version_pb2.Version:
    return client.versions.AddEdge(version_pb2.AddEdgeRequest(name=child, edge=edge(type_, parent))).version


def lineage(client: Client, name: str, down: bool = False, depth: int = 0) -> version_pb2.GetLineageResponse:
    direction = version_pb2.LINEAGE_DIRECTION_DESCENDANTS if down else version_pb2.LINEAGE_DIRECTION_ANCESTORS
    return client.versions.GetLineage(version_pb2.GetLineageRequest(name=name, direction=direction, max_depth=depth))


def test_an_edge_is_added_to_a_draft(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    parent, child = declare(publisher, name), declare(publisher, name)
    changed = add_edge(publisher, child.name, "finetune", parent.name)
    assert list(changed.edges) == [edge("finetune", parent.name)]
    assert changed.etag != child.etag
    assert get(publisher, child.name) == changed
    assert events()[-1].type == "version.edge_added"
    assert events()[-1].details == {"edge": "finetune", "parent": parent.name}


def test_a_cycle_is_refused_with_its_path(publisher: Client, events: Events) -> None:
    name = model(publisher, "m")
    one, two, three = (declare(publisher, name).name for _ in range(3))
    add_edge(publisher, one, "finetune", two)
    add_edge(publisher, two, "merge", three)
    count = len(events())
    with pytest.raises(FailedPrecondition) as caught:
        add_edge(publisher, three, "convert", one)
    assert caught.value.reason == "LINEAGE_CYCLE"
    assert caught.value.metadata["path"] == " > ".join([three, one, two, three])
    assert not get(publisher, three).edges
    assert len(events()) == count


def test_an_edge_to_itself_is_a_cycle_on_creation_too(publisher: Client) -> None:
    name = model(publisher, "m")
    draft = declare(publisher, name)
    with pytest.raises(FailedPrecondition) as caught:
        add_edge(publisher, draft.name, "finetune", draft.name)
    assert caught.value.reason == "LINEAGE_CYCLE"
    with pytest.raises(FailedPrecondition) as caught:
        declare(publisher, name, manifest(edges=[("finetune", f"{name}/versions/2")]))
    assert caught.value.reason == "LINEAGE_CYCLE"
    assert declare(publisher, name).name.endswith("/versions/2")


def test_edges_without_effect_cannot_close_a_cycle_either(publisher: Client) -> None:
    name = model(publisher, "m")
    one, two = declare(publisher, name).name, declare(publisher, name).name
    add_edge(publisher, one, "finetune", two)
    with pytest.raises(FailedPrecondition):
        add_edge(publisher, two, "evaluated_against", one)


def test_bad_edges(publisher: Client) -> None:
    name, data = model(publisher, "m"), dataset(publisher, "d")
    child, parent = declare(publisher, name).name, declare(publisher, name).name
    rows = declare(publisher, data, manifest("prompts")).name
    add_edge(publisher, child, "finetune", parent)
    with pytest.raises(AlreadyExists):
        add_edge(publisher, child, "finetune", parent)
    with pytest.raises(InvalidArgument) as caught:
        add_edge(publisher, child, "generated_by", rows)
    assert caught.value.reason == "EDGE_TYPE_MISMATCH"
    with pytest.raises(InvalidArgument, match="needs a type"):
        add_edge(publisher, child, "", parent)
    with pytest.raises(NotFound):
        add_edge(publisher, child, "finetune", f"{name}/versions/77")
    with pytest.raises(NotFound):
        add_edge(publisher, f"{name}/versions/77", "finetune", parent)
    assert len(get(publisher, child).edges) == 1


def test_one_parent_may_have_several_edges_of_other_types(publisher: Client) -> None:
    name = model(publisher, "m")
    parent = publish(publisher, name)
    child = publish(publisher, name, edges=[("finetune", parent.name), ("distill_outputs", parent.name)])
    found = lineage(publisher, child.name)
    assert [node.name for node in found.nodes] == [child.name, parent.name]
    assert len(found.edges) == 2


def test_ancestors_and_descendants(publisher: Client) -> None:
    name, data = model(publisher, "m"), dataset(publisher, "d")
    licences = licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"])
    teacher = publish(publisher, name, "base", imported=True, stand_in=True, declared_licenses=licences)
    traces = publish(publisher, data, "trajectories", edges=[("generated_by", teacher.name)])
    base = publish(publisher, name, "base", imported=True)
    edges = [("finetune", base.name), ("trained_on", traces.name)]
    student = publish(publisher, name, edges=edges)
    up = lineage(publisher, student.name)
    assert [node.name for node in up.nodes] == [student.name, base.name, traces.name, teacher.name]
    assert [(one.child, one.parent) for one in up.edges] == [
        (student.name, base.name),
        (student.name, traces.name),
        (traces.name, teacher.name),
    ]
    last = up.nodes[-1]
    assert (list(last.licenses), last.stand_in, last.public_name) == (["cc-by-nc-4.0"], True, "m")
    assert last.deployable == teacher.deployable
    down = lineage(publisher, teacher.name, down=True)
    assert [node.name for node in down.nodes] == [teacher.name, traces.name, student.name]
    assert down.edges[-1] == version_pb2.LineageEdge(
        child=student.name, type=version_pb2.EDGE_TYPE_TRAINED_ON, parent=traces.name
    )


def test_depth_is_a_bound(publisher: Client) -> None:
    name = model(publisher, "m")
    names = [declare(publisher, name).name for _ in range(4)]
    for child, parent in itertools.pairwise(names):
        add_edge(publisher, child, "finetune", parent)
    for depth, reached in [(1, 2), (2, 3), (3, 4), (9, 4), (0, 4)]:
        found = lineage(publisher, names[0], depth=depth)
        assert [node.name for node in found.nodes] == names[:reached]
        assert len(found.edges) == reached - 1
    with pytest.raises(InvalidArgument):
        lineage(publisher, names[0], depth=-1)
    assert not lineage(publisher, names[0]).nodes[0].deployable, "a draft has no verdict"


def test_a_ladder_of_diamonds_lists_each_version_once(publisher: Client) -> None:
    name = model(publisher, "m")
    levels = [[declare(publisher, name).name for _ in range(2)] for _ in range(8)]
    for children, parents in itertools.pairwise(levels):
        for child, parent in itertools.product(children, parents):
            add_edge(publisher, child, "merge", parent)
    found = lineage(publisher, levels[0][0])
    assert len(found.nodes) == 15
    assert len(found.edges) == 2 + 6 * 4


def test_finalize_uses_edges_added_later(publisher: Client) -> None:
    name = model(publisher, "m")
    licences = licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"])
    base = publish(publisher, name, "base", imported=True, declared_licenses=licences)
    draft = declare(publisher, name, manifest(declared_licenses=licensing_pb2.LicenseSet(ids=["mit"])))
    add_edge(publisher, draft.name, "finetune", base.name)
    verdicts = {one.context: one.verdict for one in finalize(publisher, draft.name).deployable}
    assert verdicts[licensing_pb2.CONTEXT_COMMERCIAL] == licensing_pb2.VERDICT_DENIED
