"""A student that does not exist yet, from the names of what the catalogue knows and the registry stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from sqlmodel import Session, col, select

from registry.clock import now
from registry.decisions.checks import check_license_id
from registry.decisions.facts import Lineage, find_waivers, load_lineage, origin_facts, unended_agreements
from registry.decisions.known import known_entries
from registry.decisions.rules import Rules
from registry.errors import invalid, wrong_state
from registry.identity.access import may_use
from registry.licensing import Context, NodeKind
from registry.licensing.components import Component, Shelf, publisher
from registry.licensing.student import STUDENT, Method, Recipe
from registry.storage.lookup import alive, get_version, rows_of, version_name
from registry.storage.tables import Node, Version
from registry.wire import enum_text
from spiritsafe.errors import NotFound
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

STORED = "namespaces/"
MAX_PARTS = 16
_NEAREST = 3


class Workshop:
    """What a student may be made of, in one snapshot of the registry.

    `names` are those of the stored versions in the lineage of what was asked for, by exposure node.
    """

    def __init__(self, session: Session, caller: Caller) -> None:
        self._session = session
        self._caller = caller
        self._at = now()
        self._made: dict[str, Component] = {}
        self.shelf = Shelf(known_entries(session))
        self.names: dict[str, VersionName] = {}

    def recipe(self, given: licensing_pb2.StudentRecipe, rules: Rules) -> Recipe:
        """The recipe that a request describes.

        Raises:
            InvalidArgument: a field is missing, names the wrong kind of thing, or a licence without a profile.
            NotFound: the catalogue or the registry does not know a name; its metadata holds the nearest known ones.
            FailedPrecondition: a version is a draft.
        """
        _check_shape(given)
        return Recipe(
            student=self._find(given.student, "recipe.student", {NodeKind.MODEL}),
            teacher=self._find(given.teacher, "recipe.teacher", _ANSWERS) if given.teacher else None,
            datasets=tuple(self._all(given.datasets, "recipe.datasets", {NodeKind.DATASET})),
            judges=tuple(self._all(given.judges, "recipe.judges", _ANSWERS)),
            method=Method(enum_text(licensing_pb2.DistillMethod, given.method, "recipe.method") or Method.OUTPUTS),
            name=given.public_name.strip() or STUDENT,
            outbound=_outbound(given.outbound_license, rules),
        )

    def _all(self, names: Iterable[str], field: str, kinds: Iterable[NodeKind]) -> list[Component]:
        found = [self._find(name, f"{field}[{place}]", kinds) for place, name in enumerate(names)]
        return list(dict.fromkeys(found))

    def _find(self, name: str, field: str, kinds: Iterable[NodeKind]) -> Component:
        component = self._stored(name, field) if name.startswith(STORED) else self._known(name, field)
        if component.kind in kinds:
            return component
        wanted = " or ".join(sorted(kinds))
        raise invalid(field, f"{name!r} is a {component.kind.value}, not a {wanted}", reason="WRONG_KIND")

    def _known(self, name: str, field: str) -> Component:
        component = self.shelf.find(name.strip())
        if component is None:
            raise _unknown(field, name, self.shelf.names(), "the catalogue")
        return component

    def _stored(self, name: str, field: str) -> Component:
        if name not in self._made:
            parsed = VersionName.parse(name, field)
            try:
                node, version = get_version(self._session, parsed, field)
            except NotFound:
                raise _unknown(field, name, self._stored_names(parsed), "the registry") from None
            self._made[name] = self._component(node, version)
        return self._made[name]

    def _stored_names(self, name: VersionName) -> list[str]:
        query = select(Node, Version).where(Version.node_id == Node.id, Version.state == "ready", *alive())
        query = query.where(Node.namespace == name.node.namespace, Node.collection == name.node.collection)
        newest = self._session.exec(query.order_by(col(Version.id).desc()).limit(1000))
        return [str(version_name(node, version)) for node, version in newest]

    def _component(self, node: Node, version: Version) -> Component:
        name = version_name(node, version)
        if version.state != "ready":
            remedy = "upload the missing files and finalize it"
            raise wrong_state(str(name), "is a draft", reason="VERSION_NOT_READY", remedy=remedy)
        lineage = load_lineage(self._session, version)
        self.names |= {node: each.version for node, each in lineage.names.items()}
        waivers = find_waivers(self._session, lineage.known, unended_agreements(self._session, self._at))
        licensors = self._licensors(lineage)
        return Component(
            name=str(name),
            kind=NodeKind.DATASET if node.collection == "datasets" else NodeKind.MODEL,
            exposures=lineage.exposures,
            facts={
                context: origin_facts(
                    lineage.known, [each for each in waivers if context in each.agreement.contexts], self._at
                )
                for context in Context
            },
            licensors=licensors,
            family=version.base_family or licensors[str(version.id)],
        )

    def _licensors(self, lineage: Lineage) -> Mapping[str, str]:
        """Who could waive the licences of each node: its publisher, else the one publisher upstream of that licence."""
        rows = rows_of(self._session, lineage.origins)
        published = {
            version_id: publisher(version.source_repo)
            for version_id, (node, version) in rows.items()
            if version.source_repo and may_use(self._caller, node.namespace)
        }
        found = {}
        for version_id, origin in lineage.origins.items():
            held = set(origin.licenses)
            upstream = {who for other, who in published.items() if held & set(lineage.origins[other].licenses)}
            sole = upstream.pop() if len(upstream) == 1 else lineage.names[str(version_id)].short
            found[str(version_id)] = published.get(version_id, sole)
        return found


_ANSWERS = frozenset({NodeKind.MODEL, NodeKind.SERVICE})


def _check_shape(given: licensing_pb2.StudentRecipe) -> None:
    if not given.student:
        raise invalid("recipe.student", "must name the base of the student", reason="REQUIRED_FIELD")
    if not given.teacher and not given.datasets:
        description = "must name a teacher, or a dataset to train on instead"
        raise invalid("recipe.teacher", description, reason="REQUIRED_FIELD")
    if not given.teacher and given.method == licensing_pb2.DISTILL_METHOD_LOGITS:
        raise invalid("recipe.method", "logits come from a teacher", remedy="name a teacher, or train on outputs")
    for field in ("datasets", "judges"):
        if len(getattr(given, field)) > MAX_PARTS:
            raise invalid(f"recipe.{field}", f"are more than {MAX_PARTS}", remedy="plan for fewer at a time")


def _outbound(license_id: str, rules: Rules) -> str:
    chosen = license_id.strip().lower()
    return check_license_id(rules.catalogue, chosen, "recipe.outbound_license") if chosen else ""


def _unknown(field: str, name: str, known: list[str], place: str) -> NotFound:
    folded = {each.casefold(): each for each in known}
    nearest = [folded[each] for each in get_close_matches(name.casefold(), folded, n=_NEAREST, cutoff=0.5)]
    return NotFound(
        f"{field}: {name!r} is not in {place}",
        reason="RESOURCE_NOT_FOUND",
        remedy=f"nearest known: {', '.join(nearest)}" if nearest else "list the catalogue or the versions",
        metadata={"resource": name, "field": field, "nearest": ",".join(nearest)},
    )
