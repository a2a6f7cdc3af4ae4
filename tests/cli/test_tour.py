"""The demo's second half against a real demo registry, on lineages declared by hand: no training needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from cli.embedded import Endpoint, serve
from cli.tour import distillation, gate, naming
from cli.tour.actors import Actor, actors
from cli.tour.narrator import Narrator, UnexpectedAnswer
from cli.tour.students import STUDENTS, Student
from spiritsafe import publish
from spiritsafe.distill.v1 import run_pb2
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
    alice: Actor,
    folder: Path,
    node: str,
    kind: Kind.ValueType,
    licenses: list[str],
    *edges: tuple[Type.ValueType, str],
    name: str = "",
    base_family: str = "",
) -> str:
    """A stand-in version with files of its own."""
    parent = f"{PARENT}/{node}"
    collection, _, slug = node.partition("/")
    if collection == "models":
        made = model_pb2.CreateModelRequest(parent=PARENT, model_id=slug, model=model_pb2.Model(display_name=name))
        alice.client.models.CreateModel(made)
    else:
        alice.client.datasets.CreateDataset(dataset_pb2.CreateDatasetRequest(parent=PARENT, dataset_id=slug))
    (folder / slug).mkdir()
    (folder / slug / "config.json").write_text(f'{{"name": "{slug}"}}')
    (folder / slug / "model.safetensors").write_bytes(slug.encode())
    version = version_pb2.Version(
        kind=kind,
        edges=[version_pb2.Edge(type=type_, parent=parent_) for type_, parent_ in edges],
        declared_licenses=licensing_pb2.LicenseSet(ids=licenses),
        base_family=base_family,
        imported=bool(licenses),
        stand_in=True,
    )
    return publish.publish_version(alice.client, parent, version, folder / slug).name


@dataclass(frozen=True)
class Lineage:
    """Version names, as runs of all families register them."""

    teacher: str
    traces: str
    students: dict[str, str]


# As the catalogue has them.
BASES = {"qwen3": ("apache-2.0", "qwen3"), "gemma4": ("apache-2.0", "gemma4"), "llama3": ("llama3.2", "llama3.2")}


@pytest.fixture(scope="module")
def lineage(people: tuple[Actor, Actor], tmp_path_factory: pytest.TempPathFactory) -> Lineage:
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
    made = {family: register_student(alice, folder, STUDENTS[family], traces) for family in STUDENTS}
    return Lineage(teacher, traces, made)


def register_student(alice: Actor, folder: Path, student: Student, traces: str) -> str:
    """Base, adapter and merged weights of one family, with the evaluation of the latter."""
    license_id, base_family = BASES[student.family]
    kind, slug = Kind.VERSION_KIND_BASE, student.model_id
    base = register(alice, folder, f"models/{student.family}", kind, [license_id], base_family=base_family)
    trained = (Type.EDGE_TYPE_TRAINED_ON, traces)
    adapter = register(
        alice,
        folder,
        f"models/{slug}-adapter",
        Kind.VERSION_KIND_ADAPTER,
        [],
        (Type.EDGE_TYPE_ADAPTER, base),
        trained,
    )
    merged = ((Type.EDGE_TYPE_MERGE, base), (Type.EDGE_TYPE_MERGE, adapter), trained)
    made = register(alice, folder, f"models/{slug}", Kind.VERSION_KIND_FULL, [], *merged, name=student.public_name)
    held_out = register(alice, folder, f"datasets/{slug}-evaluation", Kind.VERSION_KIND_EVALUATION, [])
    category = evaluation_report_pb2.EvaluationCategory(category="single", count=100, candidate_exact=90, gained=90)
    report = evaluation_report_pb2.EvaluationReport(baseline=base, dataset=held_out, categories=[category])
    request = evaluation_report_pb2.CreateEvaluationReportRequest(parent=made, evaluation_report=report)
    alice.client.evaluation_reports.CreateEvaluationReport(request)
    return made


def test_catalogue_shows_both_licences(narrator: Narrator, people: tuple[Actor, Actor]) -> None:
    distillation.show_teacher(narrator, people[0].client)
    assert "cc-by-nc-4.0" in told(narrator)
    assert "deepseek-model-1.0" in told(narrator)


def test_story_of_the_gate(narrator: Narrator, people: tuple[Actor, Actor], lineage: Lineage) -> None:
    alice, bob = people
    student, outbound = lineage.students["qwen3"], STUDENTS["qwen3"].outbound
    of_teacher, of_traces = gate.restricted_material(narrator, alice, lineage.teacher, lineage.traces)
    assert of_teacher["commercial"] == "denied"
    assert of_traces["commercial"] in ("denied", "needs_review")
    assert of_traces["research"] == "allowed_with_obligations"
    assert gate.refuse_permissive(narrator, alice, student) == "denied"
    assert gate.release_student(narrator, alice, bob, student, outbound) == "allowed_with_obligations"
    gate.show_lineage(narrator, alice.client, student)
    gate.second_version(narrator, alice, bob, student, outbound)
    audit = gate.verify_audit(narrator, alice.client)
    assert audit["verified"] is True
    for expected in (
        "FOUR_EYES",
        "self-administered",
        "OUTBOUND_LICENSE_INCOMPATIBLE",
        "generated_by",
        "support-qwen3@2",
        "dataset:support-qwen3-evaluation@1 against qwen3@1",
        "90 of 100",
        "recorded on support-qwen3@1",
        "DUTY_UNMET",
        "alice records the bundle: ATTRIBUTION.md, CHANGES.md",
        "bob answers for USE_RESTRICTIONS:deepseek-model-1.0",
        "attested by bob",
    ):
        assert expected in told(narrator)


def test_gemma_4_goes_out_as_qwen_3_does(narrator: Narrator, people: tuple[Actor, Actor], lineage: Lineage) -> None:
    alice, bob = people
    version = lineage.students["gemma4"]
    assert gate.refuse_permissive(narrator, alice, version) == "denied"
    assert gate.release_student(narrator, alice, bob, version, STUDENTS["gemma4"].outbound)
    assert "RETAIN_NOTICES:apache-2.0" in told(narrator)
    assert "USE_RESTRICTION_FLOWDOWN:deepseek-model-1.0" in told(narrator)
    assert ":gemma" not in told(narrator)


def test_llama_is_refused_for_its_name_renamed_and_accepted(
    narrator: Narrator, people: tuple[Actor, Actor], lineage: Lineage
) -> None:
    alice, bob = people
    version, student = lineage.students["llama3"], STUDENTS["llama3"]
    assert gate.refuse_permissive(narrator, alice, version) == "denied"
    renaming = naming.refuse_and_rename(narrator, alice, version, student)
    assert renaming == {
        "refused_name": "acme/support-llama3",
        "reason": "NAME_PREFIX_MISSING",
        "new_name": "acme/Llama-support-desk",
    }
    assert gate.release_student(narrator, alice, bob, version, student.outbound) == "allowed_with_obligations"
    for duty in ("DISPLAY_NOTICE:llama3.2", "NOTICE_FILE:llama3.2", "AUP:llama3.2", "NAME_PREFIX:llama3.2"):
        assert duty in told(narrator)
    assert "Built with Llama" in told(narrator)
    assert "USE_RESTRICTION_FLOWDOWN:deepseek-model-1.0" in told(narrator)
    naming.rename_in_production(narrator, alice, version, student)
    assert "must not be deployed: NAME_PREFIX_MISSING" in told(narrator)
    model = model_pb2.GetModelRequest(name=f"{PARENT}/models/support-llama3")
    assert alice.client.models.GetModel(model).model.display_name == student.new_name


def test_accepted_where_refusal_is_expected_ends_the_story(
    narrator: Narrator, people: tuple[Actor, Actor], lineage: Lineage
) -> None:
    with pytest.raises(UnexpectedAnswer, match="expected denied, the service answered promoted"):
        gate.promote(narrator, people[0], lineage.teacher, gate.RESEARCH, "", "denied")


def test_later_run_with_another_teacher_ends_the_story(narrator: Narrator) -> None:
    first = run_pb2.Run(outputs=run_pb2.Outputs(teacher_adapter=f"{PARENT}/models/teacher/versions/1"))
    later = run_pb2.Run(outputs=run_pb2.Outputs(teacher_adapter=f"{PARENT}/models/teacher/versions/2"))
    with pytest.raises(UnexpectedAnswer, match="expected teacher@1, the service answered teacher@2"):
        distillation.expect_same_teacher(narrator, first, later)
