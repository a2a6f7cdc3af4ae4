"""A public name that a licence asks for: changing it is judged anew, before the gate and behind it."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.tables import AuditEvent
from registry.wire import enum_text
from spiritsafe.registry.v1 import licensing_pb2, model_pb2, promotion_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story

MODEL = f"{NAMESPACE}/models/helper"
# Naming duties hold wherever weights are handed to others; outside commerce nothing else stands in the way.
CHANNEL = f"{MODEL}/channels/research-production"
REFUSED, ACCEPTED = "acme/helper", "acme/Llama-helper"


@pytest.fixture
def version(story: Story) -> str:
    """A model tuned from Llama 3.2, under a name of its own."""
    base = story.build.model("llama", "base", licenses=["llama3.2"], imported=True, base_family="llama3.2")
    return story.build.model("helper", licenses=[], display_name=REFUSED, edges=[("finetune", base)])


def rename(story: Story, name: str) -> None:
    mask = FieldMask(paths=["display_name"])
    request = model_pb2.UpdateModelRequest(model=model_pb2.Model(name=MODEL, display_name=name), update_mask=mask)
    story.ada.models.UpdateModel(request)


def promote(story: Story, version: str) -> promotion_pb2.Promotion:
    return story.promote(version, "research", outbound="llama3.2", distributed=True)


def state(promotion: promotion_pb2.Promotion) -> str:
    return enum_text(promotion_pb2.PromotionState, promotion.state)


def channel_verdict(story: Story) -> str:
    held = story.rita.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=CHANNEL)).channel
    (listed,) = story.rita.promotions.ListChannels(promotion_pb2.ListChannelsRequest(parent=MODEL)).channels
    assert listed == held
    return enum_text(licensing_pb2.Verdict, held.verdict)


def deployment_reasons(story: Story, version: str) -> list[str]:
    """Why it may not be deployed, asked for by version, by digest and by file; empty where it may."""
    made = story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=version)).version
    answers = []
    for subject in ({"version": version}, {"digest": made.digest}, {"file_sha256": made.files[0].sha256}):
        request = promotion_pb2.CheckDeploymentRequest(
            context=licensing_pb2.CONTEXT_RESEARCH, outbound_license="llama3.2", distributed=True, **subject
        )
        answer = story.rita.promotions.CheckDeployment(request)
        reasons = [reason.code for one in answer.evaluations for reason in one.reasons]
        assert answer.allowed == (not reasons)
        answers.append(reasons)
    assert answers[1:] == answers[:1] * 2
    return answers[0]


def test_a_refused_name_is_changed_and_the_gate_judges_anew(story: Story, version: str) -> None:
    refused = promote(story, version)
    assert (state(refused), refused.public_name) == ("denied", REFUSED)
    assert [reason.code for reason in refused.evaluation.reasons] == ["NAME_PREFIX_MISSING"]
    assert story.verdict(version) == "denied"
    rename(story, ACCEPTED)
    assert story.verdict(version) == "allowed_with_obligations"
    promoted = promote(story, version)
    assert (state(promoted), promoted.public_name) == ("promoted", ACCEPTED)
    assert promoted.evaluation.epoch > refused.evaluation.epoch


def test_a_name_changed_back_in_production_is_noticed_everywhere(story: Story, version: str) -> None:
    """Every question is asked before as well, so that a remembered answer would be found out."""
    rename(story, ACCEPTED)
    promote(story, version)
    assert (channel_verdict(story), deployment_reasons(story, version)) == ("allowed_with_obligations", [])
    rename(story, REFUSED)
    assert (channel_verdict(story), deployment_reasons(story, version)) == ("denied", ["NAME_PREFIX_MISSING"])
    assert story.verdict(version) == "denied"
    assert state(promote(story, version)) == "denied"
    rename(story, ACCEPTED)
    assert (channel_verdict(story), deployment_reasons(story, version)) == ("allowed_with_obligations", [])


def test_a_rollback_is_judged_under_the_name_of_today(story: Story, version: str) -> None:
    rename(story, ACCEPTED)
    promote(story, version)
    promote(
        story,
        story.build.version(MODEL, "full", licenses=[], edges=[("finetune", f"{NAMESPACE}/models/llama/versions/1")]),
    )
    rename(story, REFUSED)
    request = promotion_pb2.RollbackChannelRequest(name=CHANNEL)
    back = story.rita.promotions.RollbackChannel(request).promotion
    assert (state(back), back.version, back.public_name) == ("denied", version, REFUSED)


def test_the_record_names_the_channels_that_a_new_name_concerns(story: Story, version: str, registry: Registry) -> None:
    rename(story, ACCEPTED)
    promote(story, version)
    rename(story, REFUSED)
    with registry.database.read() as session:
        query = select(AuditEvent).where(AuditEvent.type == "model.updated").order_by(col(AuditEvent.sequence))
        first, last = session.exec(query)
    assert first.details["channels"] == []
    assert (last.details["channels"], last.details["display_name"]["to"]) == ([CHANNEL], REFUSED)
