"""Policies: revisions that are added, and verdicts that follow them at once."""

from __future__ import annotations

from typing import Any

import pytest

from spiritsafe.client import Client
from spiritsafe.errors import Aborted, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2, policy_pb2
from tests.registry.builders import Story
from tests.registry.reevaluation.documents import policy_document, profile_document, struct


def admin(story: Story) -> Client:
    return story.client("admin", identity="di")


def create(story: Story, reason: str = "counsel's memo", settings: Any = None, **fields: Any) -> policy_pb2.Policy:
    request = policy_pb2.CreatePolicyRequest(settings=struct(settings or policy_document()), reason=reason, **fields)
    return admin(story).policies.CreatePolicy(request).policy


def get(story: Story, revision: object = "current") -> policy_pb2.Policy:
    return story.ada.policies.GetPolicy(policy_pb2.GetPolicyRequest(name=f"policies/{revision}")).policy


def test_a_new_registry_has_the_policy_as_shipped(shared_story: Story) -> None:
    policy = get(shared_story)
    assert (policy.name, policy.revision, policy.reason) == ("policies/0", 0, "as shipped")
    assert dict(policy.settings) == policy_document()
    assert not policy.HasField("create_time")
    assert shared_story.evaluate(shared_story.names["student"]).policy_revision == 0


def test_every_verdict_follows_a_new_policy_at_once(story: Story) -> None:
    student = story.names["student"]
    assert story.verdict(student, outbound="openrail-m") == "needs_review"
    created = create(story, settings=policy_document(nc_output_reach="deny"))
    assert (created.name, created.creator) == ("policies/1", "di")
    evaluation = story.evaluate(student, outbound="openrail-m")
    assert story.verdict(student, outbound="openrail-m") == "denied"
    assert evaluation.policy_revision == 1
    assert [each.policy for each in evaluation.reasons] == ["nc_output_reach=deny"]
    assert create(story, settings=policy_document(nc_internal_use="allow")).revision == 2
    assert story.verdict(student, outbound="openrail-m") == "needs_review"
    assert story.verdict(student, "internal") == "allowed_with_obligations"


def test_plans_tell_the_policy_that_they_were_made_under(story: Story) -> None:
    create(story, settings=policy_document(nc_output_reach="deny"))
    recipe = licensing_pb2.StudentRecipe(teacher="Salesforce/xLAM-7b-fc-r", student="Qwen/Qwen3-8B")
    planned = story.ada.licenses.PlanStudent(licensing_pb2.PlanStudentRequest(recipe=recipe, max_plans=1))
    assert {each.policy_revision for each in planned.evaluations} == {1}
    commercial = next(each for each in planned.evaluations if each.context == licensing_pb2.CONTEXT_COMMERCIAL)
    assert "policy nc_output_reach=deny" in commercial.explanation


def test_what_ifs_are_laid_over_the_policy_in_force(story: Story) -> None:
    node = {"id": "m", "kind": "model", "licenses": ["no-such-licence"]}
    scenario = struct({"nodes": [node], "subject": "m", "facts": {}})
    request = licensing_pb2.EvaluateScenarioRequest(scenario=scenario)

    def verdict() -> Any:
        result = story.ada.licenses.EvaluateScenario(request).result
        return result["cases"][0]["contexts"]["research"]["verdict"]  # type: ignore[index] # a Struct

    assert verdict() == "needs_review"
    create(story, settings=policy_document(unknown_license="deny"))
    assert verdict() == "denied"
    request.scenario["facts"]["policy"] = {"unknown_license": "review"}  # type: ignore[index] # likewise
    assert verdict() == "needs_review"


def test_revisions_are_listed_newest_first_and_kept(story: Story) -> None:
    for choice in ("deny", "review"):
        create(story, f"it is {choice}", policy_document(nc_output_reach=choice))
    found: list[policy_pb2.Policy] = []
    request = policy_pb2.ListPoliciesRequest(page_size=1)
    while True:
        page = story.ada.policies.ListPolicies(request)
        found += page.policies
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert [each.revision for each in found] == [2, 1, 0]
    assert [each.reason for each in found] == ["it is review", "it is deny", "as shipped"]
    assert get(story, 1) == found[1]
    assert get(story) == found[0]


def test_a_try_changes_nothing_and_a_rolled_back_policy_is_never_served(story: Story) -> None:
    student = story.names["student"]
    tried = create(story, settings=policy_document(nc_output_reach="deny"), validate_only=True)
    assert tried.revision == 1
    assert get(story).revision == 0
    assert story.verdict(student, outbound="openrail-m") == "needs_review"
    # The next revision has the number of the one that was tried, and other settings.
    assert create(story, settings=policy_document(nc_internal_use="deny")).revision == 1
    assert story.verdict(student, outbound="openrail-m") == "needs_review"
    assert story.verdict(story.names["teacher"], "internal") == "denied"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (policy_document(nc_output_reach="allow"), "settings.nc_output_reach"),
        (policy_document(nc_outputs="deny"), "settings.nc_outputs"),
        (policy_document(adapter_alone_is_derivative="yes"), "settings.adapter_alone_is_derivative"),
        ({"nc_output_reach": "deny"}, "settings.nc_internal_use"),
    ],
)
def test_an_unknown_or_missing_setting_is_named(shared_story: Story, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument, match=field.partition(".")[2]) as caught:
        create(shared_story, settings=settings)
    assert caught.value.reason == "INVALID_POLICY"
    assert [each.field for each in caught.value.violations] == [field]


def test_a_policy_needs_a_reason_and_the_revision_that_was_read(story: Story) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(story, " ")
    assert [each.field for each in caught.value.violations] == ["reason"]
    read = get(story).etag
    create(story, etag=read)
    with pytest.raises(Aborted):
        create(story, etag=read)


@pytest.mark.parametrize("name", ["1", "policies/x", "policies/01", "policies/"])
def test_a_malformed_name_is_refused(shared_story: Story, name: str) -> None:
    with pytest.raises(InvalidArgument):
        shared_story.ada.policies.GetPolicy(policy_pb2.GetPolicyRequest(name=name))


def test_a_revision_that_there_is_not_is_not_found(shared_story: Story) -> None:
    with pytest.raises(NotFound):
        get(shared_story, 7)


def test_who_decides_reviews_does_not_write_the_policy(shared_story: Story) -> None:
    with pytest.raises(PermissionDenied) as caught:
        shared_story.rob.policies.CreatePolicy(
            policy_pb2.CreatePolicyRequest(settings=struct(policy_document()), reason="mine")
        )
    assert caught.value.reason == "PERMISSION_MISSING"


def test_rules_for_all_namespaces_are_not_changed_from_one(shared_story: Story) -> None:
    lab = shared_story.client("admin", identity="len", namespaces=("lab",))
    policy = policy_pb2.CreatePolicyRequest(settings=struct(policy_document()), reason="ours")
    with pytest.raises(PermissionDenied) as caught:
        lab.policies.CreatePolicy(policy)
    assert caught.value.reason == "NAMESPACE_NOT_GRANTED"
    profile = licensing_pb2.ReviseLicenseRequest(document=struct(profile_document("mit")), reason="ours")
    with pytest.raises(PermissionDenied) as caught:
        lab.licenses.ReviseLicense(profile)
    assert caught.value.reason == "NAMESPACE_NOT_GRANTED"
