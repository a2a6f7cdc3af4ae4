"""What an import records: the card, corrected and completed by the catalogue, with the origin of every fact. Pure.

The catalogue overrules the card where it is surer: a *verified* entry of licences replaces the card's; any other one is
added to it, so that a doubtful entry never makes a verdict better. A base model of the catalogue replaces the card's
unless the entry is unverified. Every disagreement becomes a warning for a person to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from registry.catalog.manifest import path_problem
from registry.hub.knowledge import Known, Origin
from registry.hub.relations import RELATIONS, card_origin, relation
from registry.licensing.entries import Confidence
from registry.licensing.vocabulary import UNKNOWN, WEIGHTS_EDGES, EdgeType, NodeKind
from registry.wire import enum_number
from spiritsafe.hub.names import is_repo
from spiritsafe.registry.v1 import import_pb2, licensing_pb2, version_pb2

ProfileIds = Callable[[Sequence[str], str, str], tuple[str, ...] | None]
"""License, license_name and license_link of a card as licence ids; None where the card says nothing."""
_DECLARED = "declared"
KINDS = {
    import_pb2.HUB_REPO_KIND_MODEL: NodeKind.MODEL,
    import_pb2.HUB_REPO_KIND_DATASET: NodeKind.DATASET,
    import_pb2.HUB_REPO_KIND_SERVICE: NodeKind.SERVICE,
}
_NUMBERS = {kind: number for number, kind in KINDS.items()}
# The hub's names of tasks whose models take or give more than text.
_MULTIMODAL_TAGS = frozenset(
    {
        "any-to-any",
        "audio-text-to-text",
        "document-question-answering",
        "image-text-to-text",
        "image-to-text",
        "multimodal",
        "video-text-to-text",
        "visual-question-answering",
    }
)


def resolve(card: import_pb2.HubCard, known: Known | None, profile_ids: ProfileIds) -> import_pb2.PlanImportResponse:
    """The facts to record of a repository."""
    plan = import_pb2.PlanImportResponse()
    _resolve_licenses(plan, card, known, profile_ids)
    for parent in _parents(plan, card, known):
        edge = enum_number(version_pb2.EdgeType, parent.edge)
        plan.parents.append(import_pb2.ImportParent(type=edge, hub_repo=parent.repo, kind=_NUMBERS[parent.kind]))
    _resolve_nature(plan, card, known)
    plan.kind = _kind(card, plan)
    for path in card.paths:
        problem = path_problem(path)
        if problem is not None:
            plan.left_out.add(path=path, reason=problem.reason, description=problem.violations[0].description)
    return plan


def _resolve_licenses(
    plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, known: Known | None, profile_ids: ProfileIds
) -> None:
    said = profile_ids(list(card.license), card.license_name, card.license_link)
    _facts(plan, "declared_licenses", said or (), card_origin(card), _DECLARED)
    recorded = known.licenses if known else ()
    confidence = known.confidence["licenses"] if known else Confidence.UNVERIFIED
    _facts(plan, "declared_licenses", recorded, import_pb2.FACT_ORIGIN_CATALOG, confidence)
    counting = _counting(plan, card, said, recorded, confidence)
    if counting is None:
        plan.warnings.append(f"nothing is known of the licence of {card.hub_repo}: it counts as {UNKNOWN}")
    else:
        plan.declared_licenses.CopyFrom(licensing_pb2.LicenseSet(ids=counting))


def _counting(
    plan: import_pb2.PlanImportResponse,
    card: import_pb2.HubCard,
    said: tuple[str, ...] | None,
    recorded: tuple[str, ...],
    confidence: Confidence,
) -> tuple[str, ...] | None:
    """The licences that are declared for the version; None where nobody knows any."""
    if said is not None and UNKNOWN in said:
        named = ", ".join(filter(None, [*card.license, card.license_name, card.license_link]))
        plan.warnings.append(f"the card of {card.hub_repo} names a licence without a profile: {named}")
    if not recorded:
        return said
    clear = tuple(one for one in said or () if one != UNKNOWN)
    if set(clear) <= set(recorded):
        return recorded
    words = f"the card of {card.hub_repo} says {', '.join(clear)}, the catalogue ({confidence}) {', '.join(recorded)}"
    if confidence is Confidence.VERIFIED:
        plan.warnings.append(f"{words}: the catalogue counts")
        return recorded
    plan.warnings.append(f"{words}: both count until somebody concludes which")
    return tuple(dict.fromkeys([*recorded, *clear]))


def _parents(plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, known: Known | None) -> list[Origin]:
    models = card.kind == import_pb2.HUB_REPO_KIND_MODEL
    edge, origin, confidence = relation(card)
    if card.base_model_relation and card.base_model_relation.strip().lower() not in RELATIONS:
        plan.warnings.append(f"base_model_relation {card.base_model_relation!r} is none of {', '.join(RELATIONS)}")
    bases = _readable(plan, card, "base_model", card.base_model) if models else []
    said = [Origin(edge, repo, NodeKind.MODEL) for repo in bases]
    for parent in said:
        _facts(plan, "edges", [_words(parent)], card_origin(card), _DECLARED)
        if origin == import_pb2.FACT_ORIGIN_HUB:
            _facts(plan, "edges", [f"{parent.edge} inferred for {parent.repo}"], origin, confidence)
    data = _readable(plan, card, "datasets", card.datasets) if models else []
    trained = [Origin(EdgeType.TRAINED_ON, repo, NodeKind.DATASET) for repo in data]
    _facts(plan, "edges", map(_words, trained), card_origin(card), _DECLARED)
    if known:
        recorded = known.parents
        _facts(plan, "edges", map(_words, recorded), import_pb2.FACT_ORIGIN_CATALOG, known.confidence["parents"])
        said = _bases(plan, card, said, known)
        trained = [*(one for one in recorded if one.edge not in WEIGHTS_EDGES), *trained]
    return list({(one.edge, *one.key): one for one in [*said, *trained]}.values())


def _bases(
    plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, said: list[Origin], known: Known
) -> list[Origin]:
    """The parents over edges of weights, where the catalogue knows the model as well."""
    recorded = [one for one in known.parents if one.edge in WEIGHTS_EDGES]
    if not recorded and known.base_family:
        return _beyond_publisher(plan, card, said)
    if not recorded or not said:
        return recorded or said
    if {one.key for one in recorded} == {one.key for one in said}:
        return recorded
    words = f"the card of {card.hub_repo} names {_list(said)}, the catalogue {_list(recorded)}"
    sure = known.confidence["parents"] is not Confidence.UNVERIFIED
    plan.warnings.append(f"{words}: {'the catalogue' if sure else 'the card'} counts")
    return recorded if sure else said


def _beyond_publisher(
    plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, said: list[Origin]
) -> list[Origin]:
    # A licensor's own release: that it was tuned from another release of the same publisher brings in nobody's terms.
    publisher = card.hub_repo.partition("/")[0].casefold()
    own = [one for one in said if one.repo.partition("/")[0].casefold() == publisher]
    if own:
        plan.warnings.append(
            f"{card.hub_repo} is a licensor's own release: its edge to {_list(own)} of the same publisher is left out"
        )
    return [one for one in said if one not in own]


def _readable(
    plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, field: str, repos: Iterable[str]
) -> list[str]:
    """The repositories among what a field of the card names; for the others lineage is not complete."""
    found = []
    for text in dict.fromkeys(repos):
        if text.casefold() == card.hub_repo.casefold() and field == "base_model":
            plan.warnings.append(f"the card of {card.hub_repo} names itself as {field}")
        elif is_repo(text):
            found.append(text)
        else:
            plan.warnings.append(f"{field} of {card.hub_repo} names {text!r}, which is no repository: left out")
            plan.lineage_completeness = version_pb2.LINEAGE_COMPLETENESS_PARTIAL
    return found


def _resolve_nature(plan: import_pb2.PlanImportResponse, card: import_pb2.HubCard, known: Known | None) -> None:
    if known:
        plan.base_family = known.base_family
        plan.multimodal = known.multimodal
        if plan.lineage_completeness == version_pb2.LINEAGE_COMPLETENESS_UNSPECIFIED:
            plan.lineage_completeness = enum_number(version_pb2.LineageCompleteness, known.completeness)
        values = {"base_family": known.base_family, "lineage_completeness": known.completeness}
        for name, value in values.items():
            confidence = known.confidence["nature"]
            _facts(plan, name, [value] if value else [], import_pb2.FACT_ORIGIN_CATALOG, confidence)
        return
    tags = sorted(_MULTIMODAL_TAGS & set(card.tags))
    plan.multimodal = bool(tags)
    _facts(plan, "multimodal", [f"yes: {', '.join(tags)}"] if tags else [], import_pb2.FACT_ORIGIN_HUB, "derived")


def _kind(card: import_pb2.HubCard, plan: import_pb2.PlanImportResponse) -> version_pb2.VersionKind.ValueType:
    if card.kind == import_pb2.HUB_REPO_KIND_DATASET:
        return version_pb2.VERSION_KIND_TRAJECTORIES
    adapter = any(parent.type == version_pb2.EDGE_TYPE_ADAPTER for parent in plan.parents)
    return version_pb2.VERSION_KIND_ADAPTER if adapter else version_pb2.VERSION_KIND_BASE


def _facts(
    plan: import_pb2.PlanImportResponse,
    field: str,
    values: Iterable[str],
    origin: import_pb2.FactOrigin.ValueType,
    confidence: str,
) -> None:
    for value in values:
        plan.facts.add(field=field, value=value, origin=origin, confidence=confidence)


def _words(parent: Origin) -> str:
    return f"{parent.edge} {parent.repo}"


def _list(parents: Sequence[Origin]) -> str:
    return ", ".join(parent.repo for parent in parents)
