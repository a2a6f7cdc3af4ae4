"""Changes of verdicts and previews over the contract: who sees what, page by page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from registry.context import Registry
from spiritsafe.client import Client
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1 import licensing_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.decisions.test_conclusions import conclude
from tests.registry.decisions.test_profiles import revise
from tests.registry.reevaluation.documents import policy_document, profile_document, struct
from tests.registry.reevaluation.running import known_verdicts, real_verdicts

FREE = profile_document("apache-2.0", id="cc-by-nc-4.0")


def settled(client: Client) -> list[licensing_pb2.Reevaluation]:
    """All re-evaluations, once none is left to run."""
    while True:
        found = client.licenses.ListReevaluations(licensing_pb2.ListReevaluationsRequest()).reevaluations
        if all(each.state == licensing_pb2.REEVALUATION_STATE_DONE for each in found):
            return list(found)
        time.sleep(0.05)


def changes(client: Client, page_size: int = 1000) -> list[licensing_pb2.VerdictChange]:
    """All changes, read in pages of that size."""
    found: list[licensing_pb2.VerdictChange] = []
    request = licensing_pb2.ListVerdictChangesRequest(page_size=page_size)
    while True:
        page = client.licenses.ListVerdictChanges(request)
        assert len(page.changes) <= page_size
        found += page.changes
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


def preview(client: Client, **change: Any) -> list[licensing_pb2.PreviewImpactResponse]:
    return list(client.licenses.PreviewImpact(licensing_pb2.PreviewImpactRequest(**change)))


def test_changes_are_told_with_their_cause(story: Story, registry: Registry) -> None:
    story.promote(story.names["teacher"], "research", "")
    before = real_verdicts(registry)
    revise(story, FREE)
    (job,) = settled(story.ada)
    assert (job.name, job.cause, job.cause_resource) == ("reevaluations/1", "license.revised", "licenses/cc-by-nc-4.0")
    # The licence's holder and what descends from it: teacher, traces, adapter, student.
    assert (job.reached, job.evaluated) == (5, 5)
    assert job.HasField("end_time")
    found = changes(story.ada)
    assert len(found) == job.changed
    after = real_verdicts(registry)
    assert known_verdicts(registry) == after
    assert {one.version for one in found} == {
        version for version, *rest in before if before[version, *rest] != after[version, *rest]
    }
    teacher = [one for one in found if one.version == story.names["teacher"]]
    assert {one.context for one in teacher} == {licensing_pb2.CONTEXT_INTERNAL, licensing_pb2.CONTEXT_COMMERCIAL}
    assert {tuple(one.channels) for one in teacher} == {(f"{NAMESPACE}/models/teacher/channels/research-production",)}
    for one in found:
        assert (one.reevaluation, one.cause, one.cause_resource) == (job.name, job.cause, job.cause_resource)
        assert one.before > one.after  # every verdict became better
    # The deployed version's event is the older one, and newest comes first.
    assert found[-1].version == story.names["teacher"]
    assert changes(story.ada, 3) == found


def test_a_conclusion_is_followed_too(story: Story, registry: Registry) -> None:
    conclude(story.rob, story.names["xlam"], "apache-2.0")
    (job,) = settled(story.ada)
    assert (job.cause, job.cause_resource) == ("version.licenses_concluded", story.names["xlam"])
    assert job.changed > 0
    assert known_verdicts(registry) == real_verdicts(registry)


def test_a_caller_of_another_namespace_sees_none_of_it(story: Story) -> None:
    conclude(story.rob, story.names["xlam"], "apache-2.0")
    settled(story.ada)
    elsewhere = story.client("reviewer", identity="eve", namespaces=("lab",))
    assert changes(elsewhere) == []
    assert [each.cause_resource for each in settled(elsewhere)] == [""]
    assert [list(part.changes) for part in preview(elsewhere, profile=struct(FREE))] == [[]]
    assert changes(story.client("reader", identity="ed", namespaces=("default",))) == changes(story.ada)


def test_a_preview_tells_what_would_change_and_changes_nothing(story: Story, registry: Registry) -> None:
    story.promote(story.names["teacher"], "research", "")
    before = real_verdicts(registry)
    first, last = preview(story.rob, profile=struct(FREE))
    assert [(part.reached, part.evaluated) for part in (first, last)] == [(5, 1), (5, 5)]
    assert {one.version for one in first.changes} == {story.names["teacher"]}
    assert all(one.channels for one in first.changes)
    assert real_verdicts(registry) == before
    assert settled(story.ada) == []
    revise(story, FREE)
    settled(story.ada)

    def plain(change: licensing_pb2.VerdictChange) -> tuple[object, ...]:
        return (change.version, change.context, change.before, change.after, change.outbound_license)

    assert sorted(map(plain, [*first.changes, *last.changes])) == sorted(map(plain, changes(story.ada)))


def test_a_policy_without_effect_has_no_impact(story: Story) -> None:
    (part,) = preview(story.rob, policy=struct(policy_document()))
    assert (list(part.changes), part.reached) == ([], len(story.names))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "change"),
        ({"policy": struct({"nc_output_reach": "deny"})}, "policy.nc_internal_use"),
        ({"profile": struct({"id": "house"})}, "profile"),
        ({"profile": struct(profile_document("mit", id="unknown"))}, "profile.id"),
    ],
)
def test_a_malformed_proposal_names_the_field(
    client: Callable[..., Client], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        preview(client("reviewer"), **change)
    assert [each.field for each in caught.value.violations] == [field]
