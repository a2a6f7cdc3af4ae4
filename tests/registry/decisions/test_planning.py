"""Plans for students over the wire: names, errors, versions of the registry, and what people would have to decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from registry.clock import now, to_timestamp
from spiritsafe.client import Client
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import agreement_pb2, catalog_pb2, licensing_pb2
from tests.registry.builders import NAMESPACE, Story

QWEN = "Qwen/Qwen3-8B"
XLAM = "Salesforce/xLAM-7b-fc-r"
COMMERCIAL = licensing_pb2.CONTEXT_COMMERCIAL


def plan(client: Client, **fields: Any) -> licensing_pb2.PlanStudentResponse:
    options = {name: fields.pop(name) for name in ("contexts", "max_plans", "distributed") if name in fields}
    recipe = licensing_pb2.StudentRecipe(**{"student": QWEN, "outbound_license": "apache-2.0", **fields})
    return client.licenses.PlanStudent(licensing_pb2.PlanStudentRequest(recipe=recipe, **options))


def verdicts(found: licensing_pb2.PlanStudentResponse) -> dict[int, int]:
    return {each.context: each.verdict for each in found.evaluations}


def test_verdicts_plans_and_what_people_would_decide(shared_story: Story) -> None:
    found = plan(shared_story.ada, teacher=XLAM, contexts=[COMMERCIAL])
    assert len(found.evaluations) == 4
    assert verdicts(found)[COMMERCIAL] == licensing_pb2.VERDICT_DENIED
    denial = found.evaluations[3].reasons[0]
    assert denial.path[::2] == ["student", "traces", XLAM, "deepseek-ai/deepseek-coder-7b-instruct-v1.5"]
    assert denial.sentence.startswith("Denied, OUTBOUND_LICENSE_INCOMPATIBLE: deepseek-model-1.0")
    assert denial.confidence == "verified"
    explanation = found.evaluations[3].explanation
    assert explanation.startswith("Denied for commercial use, released as Apache-2.0:")
    assert XLAM in explanation
    (search,) = found.searches
    assert search.complete
    first = search.plans[0]
    assert [(each.kind, each.before, each.after) for each in first.changes] == [("relabel", "apache-2.0", "openrail-m")]
    assert first.recipe.outbound_license == "openrail-m"
    assert first.undecided_verdict == licensing_pb2.VERDICT_NEEDS_REVIEW
    assert first.verdict == licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS
    (review,) = first.reviews
    assert (review.code, review.license, review.origin) == ("NC_OUTPUT_REACH_CONTESTED", "cc-by-nc-4.0", XLAM)
    assert set(review.questions) <= set(first.open_questions)
    assert "RECORDED_APPROVAL:NC_OUTPUT_REACH_CONTESTED" in [each.code for each in first.obligations]


def test_facts_keep_their_confidence(shared_story: Story) -> None:
    found = plan(shared_story.ada, teacher=XLAM)
    facts = {(each.hub_repo, each.field): each for each in found.facts}
    base = facts[XLAM, "base"]
    assert (base.confidence, base.as_of) == ("secondary", "2026-11-22")
    assert base.source
    assert found.facts[0] == base
    asked = [each for each in found.searches[-1].plans[0].open_questions if XLAM in each]
    assert len(asked) == 1
    assert "secondary" in asked[0]


def test_without_a_licence_somebody_has_to_name_one(shared_story: Story) -> None:
    found = plan(shared_story.ada, teacher=XLAM, outbound_license="", contexts=[COMMERCIAL])
    questions = found.searches[0].plans[0].open_questions
    assert any(each.startswith("Under which licence is it released?") for each in questions)


def test_a_stored_version_brings_its_own_lineage(shared_story: Story) -> None:
    teacher, traces = shared_story.names["teacher"], shared_story.names["traces"]
    found = plan(shared_story.ada, teacher=teacher, datasets=[traces], contexts=[COMMERCIAL])
    assert found.recipe.teacher == teacher
    origins = {reason.origin for reason in found.evaluations[3].reasons}
    assert origins == {shared_story.names["xlam"], shared_story.names["deepseek"]}
    sentence = found.evaluations[3].reasons[0].sentence
    assert "> teacher@1 > xlam-7b-fc-r@1 > deepseek-coder-7b@1;" in sentence
    reviews = found.searches[0].plans[0].reviews
    assert [each.origin for each in reviews] == [shared_story.names["xlam"]]
    assert not [each for each in found.facts if each.hub_repo.startswith("Salesforce")]


def test_the_verdict_is_that_of_the_version_once_it_exists(shared_story: Story) -> None:
    """The demo's student is registered with the very lineage that a plan assumes."""
    asked = {"student": shared_story.names["qwen3"], "teacher": shared_story.names["teacher"]}
    planned = plan(shared_story.ada, **asked)
    request = licensing_pb2.EvaluateVersionRequest(name=shared_story.names["student"])
    stored = shared_story.ada.licenses.EvaluateVersion(request).evaluations
    assert verdicts(planned) == {each.context: each.verdict for each in stored}
    for one, other in zip(planned.evaluations, stored, strict=True):
        assert {(each.code, each.origin) for each in one.reasons} == {
            (each.code, each.origin) for each in other.reasons
        }
        assert [each.code for each in one.obligations] == [each.code for each in other.obligations]
        assert one.policy_revision == other.policy_revision
        assert one.explanation.partition(":")[0] == other.explanation.partition(":")[0]


def test_an_agreement_in_force_counts_and_one_that_is_missing_is_only_proposed(story: Story) -> None:
    asked = {
        "teacher": story.names["xlam"],
        "outbound_license": "openrail-m",
        "contexts": [COMMERCIAL],
        "max_plans": 10,
    }
    before = plan(story.ada, **asked)
    assert verdicts(before)[COMMERCIAL] == licensing_pb2.VERDICT_NEEDS_REVIEW
    proposed = next(each for each in before.searches[0].plans if each.agreements)
    assert [(each.license, list(each.origins)) for each in proposed.agreements] == [
        ("cc-by-nc-4.0", [story.names["xlam"]])
    ]
    agreement = agreement_pb2.Agreement(
        licensor="Salesforce",
        license="cc-by-nc-4.0",
        models=[f"{NAMESPACE}/models/xlam-7b-fc-r"],
        contexts=[COMMERCIAL],
        start_time=to_timestamp(now() - 1_000_000) or Timestamp(),
        end_time=to_timestamp(now() + 1_000_000_000) or Timestamp(),
    )
    story.ada.agreements.CreateAgreement(
        agreement_pb2.CreateAgreementRequest(parent=NAMESPACE, agreement_id="contract", agreement=agreement)
    )
    after = plan(story.ada, **asked)
    assert verdicts(after)[COMMERCIAL] == licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS
    assert not after.searches


def test_an_organisations_own_entries_count(story: Story) -> None:
    document = {
        "kind": "model",
        "hub_id": "acme/oracle",
        "licenses": ["mit"],
        "facts": {
            field: {"source": "us", "as_of": "2026-11-22", "confidence": "verified"} for field in ("hub_id", "licenses")
        },
    }
    with pytest.raises(NotFound):
        plan(story.ada, teacher="acme/oracle")
    curate = catalog_pb2.CurateCatalogEntryRequest(reason="ours")
    curate.document.CopyFrom(json_format.ParseDict(document, struct_pb2.Struct()))
    story.rob.catalog.CurateCatalogEntry(curate)
    found = plan(story.ada, teacher="acme/oracle")
    assert not found.searches
    assert ("acme/oracle", "licenses") in {(each.hub_repo, each.field) for each in found.facts}


@pytest.mark.parametrize(
    ("fields", "field", "nearest"),
    [
        ({"teacher": "salesforce/xlam-7b-fc"}, "recipe.teacher", XLAM),
        ({"teacher": XLAM, "student": "Qwen/Qwen3-9B"}, "recipe.student", "Qwen/Qwen3-8B"),
        (
            {"datasets": ["Salesforce/xlam-function-calling-60k#mistral"]},
            "recipe.datasets[0]",
            "Salesforce/xlam-function-calling-60k#mixtral",
        ),
        (
            {"teacher": f"{NAMESPACE}/models/teachers/versions/1"},
            "recipe.teacher",
            f"{NAMESPACE}/models/teacher/versions/1",
        ),
    ],
)
def test_unknown_names_bring_the_nearest_known_ones(
    shared_story: Story, fields: dict[str, Any], field: str, nearest: str
) -> None:
    with pytest.raises(NotFound, match="is not in the") as caught:
        plan(shared_story.ada, **fields)
    assert caught.value.metadata["field"] == field
    assert nearest in caught.value.metadata["nearest"].split(",")
    assert nearest in caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"student": "", "teacher": XLAM}, "recipe.student"),
        ({}, "recipe.teacher"),
        ({"teacher": "Salesforce/APIGen-MT-5k"}, "recipe.teacher"),
        ({"teacher": XLAM, "student": "openai/gpt-4o"}, "recipe.student"),
        ({"teacher": XLAM, "datasets": [QWEN]}, "recipe.datasets[0]"),
        ({"teacher": XLAM, "outbound_license": "mine"}, "recipe.outbound_license"),
        ({"teacher": XLAM, "outbound_license": "unknown"}, "recipe.outbound_license"),
        ({"teacher": XLAM, "judges": [QWEN] * 17}, "recipe.judges"),
        ({"teacher": XLAM, "method": 7}, "recipe.method"),
        ({"datasets": ["Salesforce/APIGen-MT-5k"], "method": licensing_pb2.DISTILL_METHOD_LOGITS}, "recipe.method"),
        ({"teacher": "namespaces/default/models/m"}, "recipe.teacher"),
        ({"teacher": XLAM, "max_plans": 11}, "max_plans"),
        ({"teacher": XLAM, "contexts": [licensing_pb2.CONTEXT_UNSPECIFIED]}, "contexts"),
    ],
)
def test_bad_requests_name_the_field(shared_story: Story, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        plan(shared_story.ada, **fields)
    assert [each.field for each in caught.value.violations] == [field]


def test_a_draft_is_no_teacher(story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/models/teacher", "adapter")
    with pytest.raises(FailedPrecondition) as caught:
        plan(story.ada, teacher=draft)
    assert caught.value.reason == "VERSION_NOT_READY"


def test_versions_of_other_namespaces_are_out_of_reach(client: Callable[..., Client], story: Story) -> None:
    limited = client("reader", namespaces=("lab",))
    with pytest.raises(PermissionDenied):
        plan(limited, teacher=XLAM, judges=[story.names["teacher"]])
    assert plan(limited, teacher=XLAM).evaluations
