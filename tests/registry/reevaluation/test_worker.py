"""Events name exactly the versions whose verdict changed, over random lineages and changes of every kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from registry.clock import now
from registry.context import Registry
from registry.decisions import agreements, policies, profiles, reviews
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.evaluation import evaluate
from registry.licensing import Context, EdgeType
from registry.reevaluation.impact import Proposal, preview
from registry.reevaluation.worker import BATCH_VERSIONS
from registry.storage import audit
from registry.storage.tables import Agreement, AuditEvent, Channel, Node, Reevaluation, Review, Version
from tests.registry.reevaluation.documents import SHIPPED, policy_document, profile_document
from tests.registry.reevaluation.lineages import Planted, plant
from tests.registry.reevaluation.running import Verdicts, known_verdicts, real_verdicts, recorded, run_all

Fresh = Callable[[], AbstractContextManager[Registry]]
IDS = ["apache-2.0", "cc-by-nc-4.0", "llama3", "qwen-research", "deepseek-model-1.0", "openrail-m", "house"]
DATA = [EdgeType.GENERATED_BY, EdgeType.JUDGED_BY]
WEIGHTS = [EdgeType.FINETUNE, EdgeType.ADAPTER, EdgeType.MERGE, EdgeType.DISTILL_OUTPUTS, EdgeType.EVALUATED_AGAINST]
NAMES = ["acme/tool", "acme/Llama-tool"]
HOUR = 3_600_000_000
# Each changes something in a write transaction, by a seed for its choices.
Act = Callable[[Session, int], None]


@st.composite
def lineages(draw: st.DrawFn) -> list[Planted]:
    planted: list[Planted] = []
    for number in range(draw(st.integers(1, 9))):
        collection = draw(st.sampled_from(["models", "models", "datasets"]))
        parents = draw(st.lists(st.integers(0, number - 1), max_size=2)) if number else []
        edges = [(draw(st.sampled_from(_edges(collection, planted[one].collection))), one) for one in parents]
        licenses = draw(st.one_of(st.none(), st.lists(st.sampled_from(IDS), max_size=2, unique=True)))
        planted.append(
            Planted(
                licenses,
                edges,
                collection,
                draw(st.sampled_from(NAMES)),
                imported=licenses is None,
                namespace=draw(st.sampled_from(["default", "lab"])),
            )
        )
    return planted


def _edges(child: str, parent: str) -> list[EdgeType]:
    if child == "datasets":
        return [EdgeType.DERIVED_FROM] if parent == "datasets" else DATA
    return [EdgeType.TRAINED_ON, EdgeType.EVALUATED_ON] if parent == "datasets" else [*WEIGHTS, EdgeType.JUDGED_BY]


def revise(session: Session, seed: int) -> None:
    """A licence gets the terms of another one; "house" gets its first profile."""
    license_id, terms = IDS[seed % len(IDS)], IDS[seed // 7 % (len(IDS) - 1)]
    document = profile_document(terms, id=license_id)
    _, _, event = profiles.revise(session, "di", document, "read again", "")
    audit.append(session, event, "di")


def rule(session: Session, seed: int) -> None:
    settings_ = policy_document(
        nc_output_reach=["review", "deny"][seed % 2],
        nc_internal_use=["allow", "review", "deny"][seed // 2 % 3],
        unknown_license=["review", "deny"][seed // 6 % 2],
        adapter_alone_is_derivative=bool(seed // 12 % 2),
    )
    _, event = policies.create(session, "di", settings_, "a memo", "")
    audit.append(session, event, "di")


def conclude(session: Session, seed: int) -> None:
    versions = session.exec(select(Version).order_by(col(Version.id))).all()
    version = versions[seed % len(versions)]
    version.concluded = [IDS[seed // 7 % (len(IDS) - 1)]]
    session.add(version)
    assert version.id is not None
    bump_epoch(session, Reach(version_ids=(version.id,)))
    audit.append(session, audit.Event("version.licenses_concluded", "it"), "rob")


def agree(session: Session, seed: int) -> None:
    nodes = sorted({version.node_id for version in session.exec(select(Version))})
    agreement = Agreement(
        namespace="default",
        slug=f"a{seed}",
        licensor="Acme",
        license=IDS[seed % len(IDS)],
        node_ids=[nodes[seed // 7 % len(nodes)]],
        contexts=[list(Context)[seed % 4].value, "commercial"],
        start_time=now() - HOUR,
        end_time=now() + HOUR,
        creator="rob",
        create_time=now(),
    )
    session.add(agreement)
    bump_epoch(session, agreements.reach_of(agreement))
    audit.append(session, audit.Event("agreement.created", "it"), "rob")


def approve(registry: Registry) -> Act:
    """Approves the first open reason that a review can lift, where there is one."""

    def act(session: Session, seed: int) -> None:
        versions = session.exec(select(Version).order_by(col(Version.id))).all()
        version = versions[seed % len(versions)]
        node, context = session.get_one(Node, version.node_id), list(Context)[seed // 7 % 4].value
        for reason in evaluate(session, registry, node, version, context).reasons:
            if reason.liftable:
                _, origin = reviews.get_version(session, reason.origin)
                review = _review(version, context, reason.code, reason.licenses[0], origin.id or 0)
                session.add(review)
                bump_epoch(session, reviews.reach_of(review))
                audit.append(session, audit.Event("review.approved", "it"), "rob")
                return

    return act


def _review(version: Version, context: str, code: str, license_id: str, origin_id: int) -> Review:
    at = now()
    return Review(
        uid=f"{version.id}-{at}",
        namespace="default",
        version_id=version.id or 0,
        version_digest=version.digest,
        context=context,
        code=code,
        license=license_id,
        origin_id=origin_id,
        state="approved",
        requester="ada",
        reviewer="rob",
        create_time=at,
        decide_time=at,
        expire_time=at + HOUR,
    )


def deploy(session: Session, every: int) -> None:
    """Each of so many versions is held by a channel of its own."""
    for version in session.exec(select(Version)).all():
        if version.node_id % every == 0:
            outbound = ["", "openrail-m", "apache-2.0"][version.node_id % 3]
            session.add(
                Channel(
                    node_id=version.node_id,
                    context=list(Context)[version.node_id % 4].value,
                    stage="production",
                    version_id=version.id,
                    outbound_license=outbound,
                    update_time=now(),
                )
            )


def begin(registry: Registry, lineage: list[Planted], every: int = 2) -> None:
    """A planted lineage, partly deployed, with its first verdicts known."""
    with registry.database.write() as session:
        plant(session, lineage)
        deploy(session, every)
        bump_epoch(session)
        audit.append(session, audit.Event("lineage.planted", "it"), "ada")
    run_all(registry)


def sequence(session: Session) -> int:
    return audit.next_sequence(session) - 1


def differing(before: Verdicts, after: Verdicts) -> set[tuple[str, str, str, str, bool]]:
    """(version, context, before, after, whether of a channel) of what changed."""
    return {
        (version, context, before[key], after[key], channel is not None)
        for key in after
        if before[key] != after[key]
        for version, context, channel in [key]
    }


def test_first_verdicts_are_recorded_without_events(fresh: Fresh) -> None:
    with fresh() as registry:
        begin(registry, [Planted(["cc-by-nc-4.0"]), Planted([], [(EdgeType.FINETUNE, 0)])], every=1)
        assert known_verdicts(registry) == real_verdicts(registry)
        with registry.database.read() as session:
            assert recorded(session) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lineages(), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10_000)), min_size=1, max_size=4))
def test_events_are_the_difference_of_verdicts(
    fresh: Fresh, lineage: list[Planted], changes: list[tuple[int, int]]
) -> None:
    with fresh() as registry:
        begin(registry, lineage)
        acts: list[Act] = [revise, rule, conclude, agree, approve(registry)]
        for number, (kind, seed) in enumerate(changes):
            before = real_verdicts(registry)
            with registry.database.write() as session:
                at = sequence(session)
                acts[kind](session, seed * 4 + number)
            after = real_verdicts(registry)
            run_all(registry)
            assert known_verdicts(registry) == after
            with registry.database.read() as session:
                found = recorded(session, at)
                channels = session.exec(select(Channel)).all()
            named = [(one.version, one.context.value, one.before.value, one.after.value) for one in found]
            expected = differing(before, after)
            assert set(named) == {entry[:4] for entry in expected}
            assert len(named) == len(set(named)) or any(entry[4] for entry in expected)
            assert {one.version for one in found if one.channels} <= {
                f"namespaces/{each.namespace}/{each.collection}/n{place + 1}/versions/1"
                for place, each in enumerate(lineage)
                if any(channel.version_id == place + 1 for channel in channels)
            }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lineages(), st.integers(0, 10_000), st.booleans())
def test_the_impact_is_what_then_happens(fresh: Fresh, lineage: list[Planted], seed: int, by_policy: bool) -> None:
    with fresh() as registry:
        begin(registry, lineage)
        if by_policy:
            document: dict[str, Any] = policy_document(
                nc_output_reach="deny", unknown_license=["review", "deny"][seed % 2]
            )
            proposal = Proposal.of_policy(document)
        else:
            document = profile_document(IDS[seed % 6], id=IDS[seed // 7 % len(IDS)])
            proposal = Proposal.of_profile(document)
        before = real_verdicts(registry)
        foreseen = [change for part in preview(registry.database, proposal) for change in part.changes]
        assert real_verdicts(registry) == before
        with registry.database.write() as session:
            at = sequence(session)
            if by_policy:
                _, event = policies.create(session, "di", document, "a memo", "")
            else:
                _, _, event = profiles.revise(session, "di", document, "a memo", "")
            audit.append(session, event, "di")
        run_all(registry)
        with registry.database.read() as session:
            happened = recorded(session, at)
        assert sorted(foreseen, key=str) == sorted(happened, key=str)
        # Deployed versions come first in either.
        for found in (foreseen, happened):
            by_namespace = [
                [bool(one.channels) for one in found if one.namespace == each] for each in ("default", "lab")
            ]
            assert all(flags == sorted(flags, reverse=True) for flags in by_namespace)


def test_deployed_versions_are_named_first(fresh: Fresh) -> None:
    children = [Planted([], [(EdgeType.FINETUNE, 0)]) for _ in range(2 * BATCH_VERSIONS)]
    with fresh() as registry:
        begin(registry, [Planted(["cc-by-nc-4.0"]), *children], every=2 * BATCH_VERSIONS)
        with registry.database.write() as session:
            at = sequence(session)
            _, _, event = profiles.revise(
                session, "di", profile_document("apache-2.0", id="cc-by-nc-4.0"), "read again", ""
            )
            audit.append(session, event, "di")
        run_all(registry)
        with registry.database.read() as session:
            found = recorded(session, at)
            job = session.exec(select(Reevaluation).order_by(col(Reevaluation.id).desc())).first()
            cause = session.get_one(AuditEvent, job.cause_sequence if job else 0)
        assert f"n{2 * BATCH_VERSIONS}/" in found[0].version
        assert [bool(one.channels) for one in found] == sorted((bool(one.channels) for one in found), reverse=True)
        assert job is not None
        assert (job.state, job.phase, job.reached, job.evaluated) == ("done", "all", 513, 513)
        assert job.changed == len(found)
        assert (cause.type, cause.resource) == ("license.revised", "licenses/cc-by-nc-4.0")


def test_a_change_of_licence_reaches_its_holders_and_their_descendants_only(fresh: Fresh) -> None:
    lineage = [
        Planted(["llama3"]),
        Planted(["llama3.1"]),
        Planted([], [(EdgeType.FINETUNE, 0)]),
        Planted([], [(EdgeType.FINETUNE, 1)]),
        Planted([], [(EdgeType.EVALUATED_AGAINST, 0)]),
        Planted([], [(EdgeType.TRAINED_ON, 6)]),
        Planted([], [(EdgeType.GENERATED_BY, 2)], "datasets"),
    ]
    # Parents come first when planted.
    lineage[5], lineage[6] = copy.copy(lineage[6]), Planted([], [(EdgeType.TRAINED_ON, 5)])
    with fresh() as registry:
        begin(registry, lineage)
        with registry.database.write() as session:
            _, _, event = profiles.revise(session, "di", SHIPPED["llama3"], "the same again", "")
            audit.append(session, event, "di")
        run_all(registry)
        with registry.database.read() as session:
            job = session.exec(select(Reevaluation).order_by(col(Reevaluation.id).desc())).first()
            assert job is not None
            assert (job.reached, job.changed) == (4, 0)
