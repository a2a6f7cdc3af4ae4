"""The licence outcome of a recipe before anything is made: the lineage that the run would write, as a what-if."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from distill.recipe import Checkpoint, Recipe
from distill.recipe_environment import Environment
from distill.runs.catalog import Entries, recipe_entries
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import licensing_pb2

SUBJECTS = ("teacher", "traces", "student")
CONTEXTS = ("research", "education", "internal", "commercial")
_Json = dict[str, Any]


def plan_outcomes(client: Client, recipe: Recipe) -> tuple[list[run_pb2.LicenseOutcome], list[str]]:
    """What teacher, traces and student may be used for, in all four contexts, and warnings.

    Raises:
        InvalidArgument: the recipe names a catalogue entry that does not exist.
    """
    entries = recipe_entries(client, recipe)
    document = Struct()
    document.update(plan_scenario(recipe, entries))
    answer = client.licenses.EvaluateScenario(licensing_pb2.EvaluateScenarioRequest(scenario=document))
    return list(read_outcomes(MessageToDict(answer.result))), list(plan_warnings(recipe, entries))


def plan_scenario(recipe: Recipe, entries: Entries) -> _Json:
    """A scenario file with one case per subject over one graph: the lineage that ``register`` writes.

    A judge is in it, whether or not there will be anything for it to decide.
    """
    nodes, edges = _catalog_graph(entries)
    teacher = _add_teacher(recipe, entries, nodes, edges)
    student_base = _base_node(recipe.student.base, "student-base", entries, nodes)
    _add_traces(recipe, entries, teacher, nodes, edges)
    nodes += [_student_node("student-adapter", recipe), _student_node("student", recipe)]
    edges += [
        _edge("student-adapter", "adapter", student_base),
        _edge("student-adapter", "trained_on", "traces"),
        _edge("student", "merge", student_base),
        _edge("student", "merge", "student-adapter"),
        _edge("student", "trained_on", "traces"),
    ]
    subjects = {**{subject: subject for subject in SUBJECTS}, "teacher": teacher}
    return {"cases": [{"id": name, "nodes": nodes, "edges": edges, "subject": node} for name, node in subjects.items()]}


def _add_teacher(recipe: Recipe, entries: Entries, nodes: list[_Json], edges: list[_Json]) -> str:
    """The node of whoever writes the traces: a tuned adapter, or the base itself where it is served somewhere."""
    base = _base_node(recipe.teacher.base, "teacher-base", entries, nodes)
    if recipe.teacher.endpoint:
        return base
    licenses = teacher_licenses(recipe, entries)
    nodes += [
        _teacher_data_node(recipe),
        {"id": "teacher", "kind": "model", "name": recipe.teacher.display_name, "licenses": licenses},
    ]
    edges += [_edge("teacher", "adapter", base), _edge("teacher", "trained_on", "teacher-data")]
    return "teacher"


def _add_traces(recipe: Recipe, entries: Entries, teacher: str, nodes: list[_Json], edges: list[_Json]) -> None:
    nodes.append({"id": "traces", "kind": "dataset", "name": recipe.traces_id, "licenses": []})
    edges.append(_edge("traces", "generated_by", teacher))
    if recipe.judge:
        judge = recipe.judge.catalog_entry
        if judge not in entries:
            judge = "judge"
            nodes.append({"id": judge, "kind": "model", "name": recipe.judge.name})
        edges.append(_edge("traces", "judged_by", judge))
    if recipe.curation.replay_path:
        # Without licences it is unknown.
        nodes.append({"id": "replay", "kind": "dataset", "name": recipe.replay_id})
        edges.append(_edge("traces", "derived_from", "replay"))


def read_outcomes(result: Mapping[str, Any]) -> Iterator[run_pb2.LicenseOutcome]:
    """The outcomes in the answer to such a scenario, in a fixed order: a JSON object on the wire has none."""
    for case in result["cases"]:
        for context, verdict in sorted(case["contexts"].items(), key=lambda item: CONTEXTS.index(item[0])):
            yield run_pb2.LicenseOutcome(
                subject=case["id"],
                context=context,
                verdict=verdict["verdict"],
                reasons=list(dict.fromkeys(reason["code"] for reason in verdict["reasons"])),
            )


def evaluated_outcomes(client: Client, versions: Mapping[str, str]) -> list[run_pb2.LicenseOutcome]:
    """The outcomes of registered versions, given by subject."""
    outcomes = []
    for subject, name in versions.items():
        answer = client.licenses.EvaluateVersion(licensing_pb2.EvaluateVersionRequest(name=name))
        outcomes += [
            run_pb2.LicenseOutcome(
                subject=subject,
                context=licensing_pb2.Context.Name(one.context).removeprefix("CONTEXT_").lower(),
                verdict=licensing_pb2.Verdict.Name(one.verdict).removeprefix("VERDICT_").lower(),
                reasons=list(dict.fromkeys(reason.code for reason in one.reasons)),
            )
            for one in answer.evaluations
        ]
    return outcomes


def plan_warnings(recipe: Recipe, entries: Entries) -> Iterator[str]:
    """What the person who runs it should know first."""
    if recipe.stand_in:
        yield "stand-in checkpoints: the lineage is simulated, and channels refuse the result outside of a demo"
    for role, base in (("teacher", recipe.teacher.base), ("student", recipe.student.base)):
        if base.catalog_entry not in entries:
            yield f"the {role} base {base.value} is not in the catalogue: its licence counts as unknown"
    yield from _environment_warnings(recipe.environment)
    if recipe.teacher.dataset_path:
        yield "the licence of the teacher's own dataset is not known: conclude it after the run, or results need review"
    if recipe.curation.replay_path:
        yield "the licence of the replay data is not known: conclude it after the run, or results need review"
    if recipe.judge and recipe.judge.catalog_entry not in entries:
        yield f"the judge {recipe.judge.name} is not in the catalogue: its licence counts as unknown"
    if not recipe.student.licenses:
        yield "the student declares no licence: a commercial channel will ask for an outbound licence"


def _environment_warnings(environment: Environment) -> Iterator[str]:
    if environment.mcp and environment.mcp.url:
        yield f"the environment at {environment.mcp.url} runs elsewhere: no limit but that of time holds there"
    elif not environment.setup.only_built_in and environment.limits.network:
        yield "the environment may use the network, and so whatever answers on it"
    if environment.module and not environment.module.is_file:
        yield f"changes of the module {environment.module.source} are not noticed: results are found again as they are"


def teacher_licenses(recipe: Recipe, entries: Entries) -> list[str]:
    """What the tuned teacher declares: as the recipe says, else what its base has.

    Empty where the base is not known either; the base itself then counts as unknown, and its terms come through.
    """
    entry = entries.get(recipe.teacher.base.catalog_entry)
    return list(recipe.teacher.licenses or (entry.licenses if entry else ()))


def _catalog_graph(entries: Entries) -> tuple[list[_Json], list[_Json]]:
    nodes = [
        {
            "id": repo,
            "kind": "model",
            "name": repo,
            "licenses": list(entry.licenses),
            "multimodal": entry.multimodal,
            **({"base_family": entry.base_family} if entry.base_family else {}),
        }
        for repo, entry in entries.items()
    ]
    edges = []
    missing: dict[str, _Json] = {}
    for repo, entry in entries.items():
        for parent in entry.parents:
            edges.append(_edge(repo, parent.edge_type, parent.hub_repo))
            if parent.hub_repo not in entries:
                # Without licences it is unknown, which blocks: an undisclosed ancestor is never nothing.
                missing[parent.hub_repo] = {"id": parent.hub_repo, "kind": "model", "name": parent.hub_repo}
    return [*nodes, *missing.values()], edges


def _base_node(base: Checkpoint, node_id: str, entries: Entries, nodes: list[_Json]) -> str:
    if base.catalog_entry in entries:
        return base.catalog_entry
    nodes.append({"id": node_id, "kind": "model", "name": base.value})
    return node_id


def _teacher_data_node(recipe: Recipe) -> _Json:
    node: _Json = {"id": "teacher-data", "kind": "dataset", "name": "teacher-data"}
    return node if recipe.teacher.dataset_path else {**node, "licenses": []}


def _student_node(node_id: str, recipe: Recipe) -> _Json:
    student = recipe.student
    return {"id": node_id, "kind": "model", "name": student.display_name, "licenses": list(student.licenses)}


def _edge(child: str, kind: str, parent: str) -> _Json:
    return {"child": child, "type": kind, "parent": parent}
