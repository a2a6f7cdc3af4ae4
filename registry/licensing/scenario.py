"""What-if files: lineage cases that are evaluated without touching the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any, TypeVar

from registry.licensing.explanation import explain_evaluation
from registry.licensing.policy import Policy, PolicyError
from registry.licensing.profiles import Catalogue, ProfileError, load_profiles, parse_profile
from registry.licensing.propagation import Graph, propagate
from registry.licensing.terms import OriginFacts
from registry.licensing.verdict import Approval, Deployment, Evaluation, Reason, Subject, evaluate
from registry.licensing.vocabulary import WEIGHTS_EDGES, Context, EdgeType, NodeKind

_E = TypeVar("_E", bound=StrEnum)
# A message that lists every node of a large file helps nobody.
_NAMED_AT_MOST = 10
FACTS = frozenset(
    {
        "outbound_license",
        "distribute_in",
        "policy",
        "approvals",
        "licensee_in_eu",
        "mau_over_threshold",
        "alerts",
    }
)


class ScenarioError(ValueError):
    """A scenario file is malformed; the message names the case and the field."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a scenario; `licenses` None stands for an absent field, hence unknown."""

    id: str
    kind: NodeKind
    name: str
    licenses: tuple[str, ...] | None
    waived: frozenset[str]
    multimodal: bool
    base_family: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A lineage edge of a scenario."""

    child: str
    type: EdgeType
    parent: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One parsed case: a lineage graph, its subject, and a deployment for each context, all under one policy."""

    id: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    subject: str
    policy: Policy
    deployments: Mapping[Context, Deployment]
    alerts: frozenset[str]
    catalogue: Catalogue


def evaluate_scenarios(
    document: Mapping[str, Any], catalogue: Catalogue | None = None, policy: Policy | None = None
) -> dict[str, Any]:
    """Evaluate a scenario object, or one with `cases`, in all four contexts.

    Args:
        document: the scenario file.
        catalogue: the profiles over which the file's own are laid, by default the shipped ones.
        policy: the policy over which the file's settings are laid, by default that of the defaults.

    Returns:
        `{"cases": [{"id", "contexts": {context: {"verdict", "explanation", "reasons", "obligations"}}}]}`; `reasons`
        holds the denials and the open review reasons, each `{"code", "licenses", "path", "clause", "remedy"}`.

    Raises:
        ScenarioError: anything malformed, such as a cycle, a dangling node, or an unknown edge type or setting.
    """
    rendered = []
    for scenario in parse_scenarios(document, catalogue, policy):
        contexts = {context.value: _render(scenario, result) for context, result in evaluate_scenario(scenario).items()}
        rendered.append({"id": scenario.id, "contexts": contexts})
    return {"cases": rendered}


def evaluate_scenario(scenario: Scenario) -> dict[Context, Evaluation]:
    """The verdict of one case in each context."""
    facts = {node.id: _facts(node, scenario) for node in scenario.nodes.values()}
    terms = propagate(_graph(scenario), scenario.subject, facts, scenario.catalogue, scenario.policy)
    subject = _subject(scenario)
    return {
        context: evaluate(subject, terms, context, deployment, scenario.catalogue)
        for context, deployment in scenario.deployments.items()
    }


def parse_scenarios(
    document: Mapping[str, Any], catalogue: Catalogue | None = None, policy: Policy | None = None
) -> list[Scenario]:
    """Validate a scenario file; the arguments are those of `evaluate_scenarios`.

    Raises:
        ScenarioError: the message names the case and the field.
    """
    top = _object(document, "the file")
    shared = _with_profiles(catalogue or load_profiles(), top, "the file")
    base = policy or Policy()
    if "cases" not in top:
        return [_parse_case(top, str(top.get("id", "scenario")), shared, base)]
    cases = []
    for position, entry in enumerate(_list(top["cases"], "cases")):
        case = _object(entry, f"cases[{position}]")
        name = str(case.get("id", f"cases[{position}]"))
        cases.append(_parse_case(case, name, _with_profiles(shared, case, f"case {name}"), base))
    return cases


def _parse_case(case: Mapping[str, Any], name: str, catalogue: Catalogue, base: Policy) -> Scenario:
    where = f"case {name}"
    nodes = _nodes(case, where)
    edges = tuple(_edges(case, nodes, where))
    subject = _node_id(case.get("subject"), nodes, f"{where}: subject")
    facts = _optional_object(case.get("facts"), f"{where}: facts")
    if unknown := sorted(set(facts) - FACTS):
        raise ScenarioError(f"{where}: facts has no field {unknown[0]!r}; the fields are: {', '.join(sorted(FACTS))}")
    alerts = frozenset(_strings(facts.get("alerts", []), f"{where}: facts.alerts"))
    policy = _policy(facts, base, f"{where}: facts")
    scenario = Scenario(name, nodes, edges, subject, policy, _deployments(facts, policy, where), alerts, catalogue)
    _check_acyclic(scenario)
    return scenario


def _with_profiles(catalogue: Catalogue, value: Mapping[str, Any], where: str) -> Catalogue:
    if "profiles" not in value:
        return catalogue
    try:
        return catalogue.extended([parse_profile(each) for each in _list(value["profiles"], f"{where}: profiles")])
    except ProfileError as error:
        raise ScenarioError(f"{where}: {error}") from error


def _nodes(case: Mapping[str, Any], where: str) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for position, entry in enumerate(_list(case.get("nodes"), f"{where}: nodes")):
        field = f"{where}: nodes[{position}]"
        node = _node(_object(entry, field), field)
        if node.id in nodes:
            raise ScenarioError(f"{field}.id {node.id!r} is used twice; node ids must be unique")
        nodes[node.id] = node
    return nodes


def _node(entry: Mapping[str, Any], field: str) -> Node:
    node_id = _string(entry.get("id"), f"{field}.id")
    family = entry.get("base_family")
    return Node(
        id=node_id,
        kind=_member(NodeKind, entry.get("kind"), f"{field}.kind"),
        name=_string(entry.get("name", node_id), f"{field}.name"),
        licenses=_license_ids(entry["licenses"], f"{field}.licenses") if "licenses" in entry else None,
        waived=frozenset(_license_ids(entry.get("waived", []), f"{field}.waived")),
        multimodal=_flag(entry.get("multimodal", False), f"{field}.multimodal"),
        base_family=None if family is None else _string(family, f"{field}.base_family"),
    )


def _edges(case: Mapping[str, Any], nodes: Mapping[str, Node], where: str) -> Iterator[Edge]:
    for position, entry in enumerate(_list(case.get("edges", []), f"{where}: edges")):
        field = f"{where}: edges[{position}]"
        edge = _object(entry, field)
        child = _node_id(edge.get("child"), nodes, f"{field}.child")
        parent = _node_id(edge.get("parent"), nodes, f"{field}.parent")
        yield Edge(child, _member(EdgeType, edge.get("type"), f"{field}.type"), parent)


def _node_id(value: object, nodes: Mapping[str, Node], field: str) -> str:
    if not isinstance(value, str) or value not in nodes:
        some = ", ".join(islice(nodes, _NAMED_AT_MOST)) + (", …" if len(nodes) > _NAMED_AT_MOST else "")
        raise ScenarioError(f"{field} {value!r} is not the id of a node; add the node, or name one of: {some}")
    return value


def _policy(facts: Mapping[str, Any], base: Policy, field: str) -> Policy:
    try:
        return Policy.from_mapping(_optional_object(facts.get("policy"), f"{field}.policy"), base)
    except PolicyError as error:
        raise ScenarioError(f"{field}: {error}") from error


def _deployments(facts: Mapping[str, Any], policy: Policy, where: str) -> dict[Context, Deployment]:
    field = f"{where}: facts"
    listed = _strings(facts.get("distribute_in", []), f"{field}.distribute_in")
    distribute_in = {_member(Context, each, f"{field}.distribute_in") for each in listed}
    approvals = tuple(Approval(code) for code in _strings(facts.get("approvals", []), f"{field}.approvals"))
    return {
        context: Deployment(
            outbound=_outbound(facts.get("outbound_license"), f"{field}.outbound_license"),
            distribute=context in distribute_in,
            licensee_in_eu=_flag(facts.get("licensee_in_eu", False), f"{field}.licensee_in_eu"),
            mau_over_threshold=_over_cap(facts.get("mau_over_threshold", False), f"{field}.mau_over_threshold"),
            policy=policy,
            approvals=approvals,
        )
        for context in Context
    }


def _outbound(value: object, field: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    given = (value,) if isinstance(value, str) else _strings(value, f"{field}, if not a string,")
    # Blank means that none is named, and stray space around an id must not hide a permissive release.
    return tuple(_license_id(each.strip(), field) if each.strip() else each for each in given)


def _over_cap(value: object, field: str) -> bool | frozenset[str]:
    return value if isinstance(value, bool) else frozenset(_license_ids(value, f"{field}, if not true or false,"))


def _check_acyclic(scenario: Scenario) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(scenario.nodes, ()))
    for edge in scenario.edges:
        sorter.add(edge.child, edge.parent)
    try:
        sorter.prepare()
    except CycleError as error:
        loop = " > ".join(reversed(error.args[1]))
        raise ScenarioError(
            f"case {scenario.id}: edges form a cycle ({loop}); lineage runs from child to parent"
        ) from None


def _graph(scenario: Scenario) -> Graph:
    parents: dict[str, list[tuple[EdgeType, str]]] = {}
    for edge in scenario.edges:
        parents.setdefault(edge.child, []).append((edge.type, edge.parent))
    families = {node.id: node.base_family for node in scenario.nodes.values() if node.base_family}
    return Graph(parents, families)


def _facts(node: Node, scenario: Scenario) -> OriginFacts:
    alerts = scenario.alerts if node.id == scenario.subject else frozenset[str]()
    return OriginFacts(node.licenses, node.multimodal, node.waived, alerts)


def _subject(scenario: Scenario) -> Subject:
    node = scenario.nodes[scenario.subject]
    has_weights_parent = any(edge.child == node.id and edge.type in WEIGHTS_EDGES for edge in scenario.edges)
    return Subject(node.id, node.kind, node.name, node.licenses or (), node.base_family, has_weights_parent)


def _render(scenario: Scenario, result: Evaluation) -> dict[str, Any]:
    subject = scenario.nodes[scenario.subject]
    outbound = scenario.deployments[result.context].outbound or subject.licenses or ()

    def name_of(node: str) -> str:
        return scenario.nodes[node].name

    return {
        "verdict": result.verdict.value,
        "explanation": explain_evaluation(result, subject.id, scenario.catalogue, outbound=outbound, name_of=name_of),
        "reasons": [_render_reason(reason) for reason in result.reasons],
        "obligations": sorted({obligation.id for obligation in result.obligations}),
    }


def _render_reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": str(reason.code),
        "licenses": list(reason.licenses),
        "path": list(reason.path.nodes),
        "clause": reason.clause,
        "remedy": reason.remedy,
    }


def _member(kind: type[_E], value: object, field: str) -> _E:
    try:
        return kind(value)  # type: ignore[arg-type]  # the constructor is the check
    except ValueError:
        allowed = ", ".join(each.value for each in kind)
        raise ScenarioError(f"{field} is {value!r}; use one of: {allowed}") from None


def _license_ids(value: object, field: str) -> tuple[str, ...]:
    return tuple(_license_id(each, f"{field}[{position}]") for position, each in enumerate(_strings(value, field)))


def _license_id(value: str, field: str) -> str:
    """The id itself; that of an expression would match no profile and no rule, and a denial could vanish."""
    if not value or any(character.isspace() or character in "()" for character in value):
        raise ScenarioError(f"{field} is {value!r}, which is not one licence id; list each id by itself")
    return value


def _optional_object(value: object, field: str) -> Mapping[str, Any]:
    return {} if value is None else _object(value, field)


def _object(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{field} must be an object")
    return value


def _list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise ScenarioError(f"{field} must be a list")
    return value


def _strings(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ScenarioError(f"{field} must be a list of strings")
    return tuple(value)


def _string(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise ScenarioError(f"{field} must be a non-empty string")
    return value


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise ScenarioError(f"{field} must be true or false")
    return value
