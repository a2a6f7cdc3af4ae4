"""A public name that a licence refuses, and what a new one changes: before the gate, and behind it."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask

from cli import output
from cli.tour import gate
from cli.tour.actors import Actor
from cli.tour.narrator import Narrator
from cli.tour.students import Student
from spiritsafe.registry.v1 import licensing_pb2, model_pb2, promotion_pb2
from spiritsafe.rpc.names import ChannelName, VersionName, shorten

NAME_PREFIX_MISSING = "NAME_PREFIX_MISSING"


def refuse_and_rename(narrator: Narrator, alice: Actor, version: str, student: Student) -> dict[str, str]:
    """The student is refused for its public name and gets its new one. Gives both, and the reason."""
    narrator.step(f"{student.public_name} as {student.outbound}? Denied: the licence asks for another public name")
    refused = gate.promote(narrator, alice, version, gate.COMMERCIAL, student.outbound, "denied")
    narrator.expect("the public name that was judged", refused.public_name, student.public_name)
    codes = {reason.code for reason in refused.evaluation.reasons}
    narrator.expect_among("the reason", codes, NAME_PREFIX_MISSING)
    narrator.step("A new name, and the verdict is computed anew")
    _rename(narrator, alice, version, student.new_name)
    return {"refused_name": refused.public_name, "reason": NAME_PREFIX_MISSING, "new_name": student.new_name}


def rename_in_production(narrator: Narrator, alice: Actor, version: str, student: Student) -> None:
    """The refused name again, behind the gate's back: channel and deployment check must notice at once."""
    narrator.step("Back to the refused name, now that it is in production? It does not go unnoticed")
    _rename(narrator, alice, version, student.public_name)
    _expect_deployment(narrator, alice, version, student, "denied", [NAME_PREFIX_MISSING])
    _rename(narrator, alice, version, student.new_name)
    _expect_deployment(narrator, alice, version, student, "allowed_with_obligations", [])


def _rename(narrator: Narrator, alice: Actor, version: str, name: str) -> None:
    model = model_pb2.Model(name=str(VersionName.parse(version).node), display_name=name)
    request = model_pb2.UpdateModelRequest(model=model, update_mask=FieldMask(paths=["display_name"]))
    renamed = alice.client.models.UpdateModel(request).model
    narrator.say(f"{alice.identity} renames {shorten(renamed.name)}: {renamed.display_name}")


def _expect_deployment(
    narrator: Narrator, alice: Actor, version: str, student: Student, verdict: str, codes: list[str]
) -> None:
    """Shows what the channel says of the version that it holds, and what a serving platform is answered."""
    name = ChannelName(VersionName.parse(version).node, "commercial", gate.STAGE)
    held = alice.client.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=str(name))).channel
    answer = alice.client.promotions.CheckDeployment(
        promotion_pb2.CheckDeploymentRequest(
            version=version, context=gate.COMMERCIAL, outbound_license=student.outbound
        )
    )
    found = [reason.code for one in answer.evaluations for reason in one.reasons]
    now = output.enum_label(licensing_pb2.Verdict.DESCRIPTOR, held.verdict)
    may = "may be deployed" if answer.allowed else f"must not be deployed: {', '.join(found)}"
    narrator.say(f"{name.label} holds {shorten(held.version)}, whose verdict is now {now}; it {may}")
    narrator.expect("the channel's verdict", now, verdict)
    expected = ", ".join(codes) or "allowed"
    narrator.expect("the deployment check", "allowed" if answer.allowed else ", ".join(found), expected)
