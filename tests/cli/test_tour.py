"""The demo's second half against a real demo registry, on a lineage declared by hand: no training needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from cli.embedded import Endpoint, serve
from cli.tour import distillation, gate
from cli.tour.actors import Actor, actors
from cli.tour.narrator import Narrator, UnexpectedAnswer
from spiritsafe import publish
from spiritsafe.registry.v1 import dataset_pb2, evaluation_report_pb2, licensing_pb2, model_pb2, version_pb2

PARENT = "namespaces/default"
Kind = version_pb2.VersionKind
Type = version_pb2.EdgeType


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with serve(tmp_path_factory.mktemp("demo"), demo=True) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def people(endpoint: Endpoint) -> Iterator[tuple[Actor, Actor]]:
    with actors(endpoint) as both:
        yield both


@pytest.fixture
def narrator() -> Narrator:
    return Narrator(Console(file=io.StringIO(), width=200))


def told(narrator: Narrator) -> str:
    text = narrator.console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def register(
    alice: Actor, folder: Path, node: str, kind: Kind.ValueType, licenses: list[str], *edges: tuple[Type.ValueType, str]
) -> str:
    """A stand-in version with files of its own."""
    parent = f"{PARENT}/{node}"
    collection, _, slug = node.partition("/")
    if collection == "models":
        made = model_pb2.CreateModelRequest(parent=PARENT, model_id=slug, model=model_pb2.Model(display_name=slug))
        alice.client.models.CreateModel(made)
    else:
        alice.client.datasets.CreateDataset(dataset_pb2.CreateDatasetRequest(parent=PARENT, dataset_id=slug))
    (folder / slug).mkdir()
    (folder / slug / "config.json").write_text(f'{{"name": "{slug}"}}')
    (folder / slug / "model.safetensors").write_bytes(slug.encode())
    version = version_pb2.Version(
        kind=kind,
        edges=[version_pb2.Edge(type=kind_, parent=name) for kind_, name in edges],
        declared_licenses=licensing_pb2.LicenseSet(ids=licenses),
        imported=bool(licenses),
        stand_in=True,
    )
    return publish.publish_version(alice.client, parent, version, folder / slug).name


@pytest.fixture(scope="module")
def lineage(people: tuple[Actor, Actor], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Teacher adapter, traces and merged student, as a run registers them, with the student's evaluation."""
    alice, folder = people[0], tmp_path_factory.mktemp("files")
    coder = register(alice, folder, "models/coder", Kind.VERSION_KIND_BASE, ["deepseek-model-1.0"])
    xlam = register(
        alice, folder, "models/xlam", Kind.VERSION_KIND_FULL, ["cc-by-nc-4.0"], (Type.EDGE_TYPE_FINETUNE, coder)
    )
    teacher = register(alice, folder, "models/teacher", Kind.VERSION_KIND_ADAPTER, [], (Type.EDGE_TYPE_ADAPTER, xlam))
    traces = register(
        alice,
        folder,
        "datasets/traces",
        Kind.VERSION_KIND_TRAJECTORIES,
        [],
        (Type.EDGE_TYPE_GENERATED_BY, teacher),
    )
    qwen = register(alice, folder, "models/qwen3", Kind.VERSION_KIND_BASE, ["apache-2.0"])
    trained = (Type.EDGE_TYPE_TRAINED_ON, traces)
    adapter = register(
        alice, folder, "models/student-adapter", Kind.VERSION_KIND_ADAPTER, [], (Type.EDGE_TYPE_ADAPTER, qwen), trained
    )
    merged = ((Type.EDGE_TYPE_MERGE, qwen), (Type.EDGE_TYPE_MERGE, adapter), trained)
    student = register(alice, folder, "models/student", Kind.VERSION_KIND_FULL, [], *merged)
    held_out = register(alice, folder, "datasets/held-out", Kind.VERSION_KIND_EVALUATION, [])
    category = evaluation_report_pb2.EvaluationCategory(category="single", count=100, candidate_exact=90, gained=90)
    report = evaluation_report_pb2.EvaluationReport(baseline=qwen, dataset=held_out, categories=[category])
    request = evaluation_report_pb2.CreateEvaluationReportRequest(parent=student, evaluation_report=report)
    alice.client.evaluation_reports.CreateEvaluationReport(request)
    return teacher, traces, student


def test_catalogue_shows_both_licences(narrator: Narrator, people: tuple[Actor, Actor]) -> None:
    distillation.show_teacher(narrator, people[0].client)
    assert "cc-by-nc-4.0" in told(narrator)
    assert "deepseek-model-1.0" in told(narrator)


def test_story_of_the_gate(narrator: Narrator, people: tuple[Actor, Actor], lineage: tuple[str, str, str]) -> None:
    alice, bob = people
    teacher, traces, student = lineage
    of_teacher, of_traces = gate.restricted_material(narrator, alice, teacher, traces)
    assert of_teacher["commercial"] == "denied"
    assert of_traces["commercial"] in ("denied", "needs_review")
    assert of_traces["research"] == "allowed_with_obligations"
    before, after = gate.release_student(narrator, alice, bob, student)
    assert (before, after) == ("denied", "allowed_with_obligations")
    gate.show_lineage(narrator, alice.client, student)
    gate.second_version(narrator, alice, bob, student)
    audit = gate.verify_audit(narrator, alice.client)
    assert audit["verified"] is True
    for expected in (
        "FOUR_EYES",
        "self-administered",
        "OUTBOUND_LICENSE_INCOMPATIBLE",
        "generated_by",
        "student@2",
        "dataset:held-out@1 against qwen3@1",
        "90 of 100",
        "recorded on student@1",
    ):
        assert expected in told(narrator)


def test_accepted_where_refusal_is_expected_ends_the_story(
    narrator: Narrator, people: tuple[Actor, Actor], lineage: tuple[str, str, str]
) -> None:
    with pytest.raises(UnexpectedAnswer, match="expected denied, the service answered promoted"):
        gate.promote(narrator, people[0], lineage[0], gate.RESEARCH, "", "denied")
