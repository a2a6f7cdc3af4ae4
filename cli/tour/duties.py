"""What licences ask for before a student goes out: files that the registry makes, and a named person's word."""

from __future__ import annotations

from cli import output
from cli.tour.actors import Actor
from cli.tour.narrator import Narrator
from spiritsafe.registry.v1 import duty_pb2, licensing_pb2, promotion_pb2

DUTY_UNMET = "DUTY_UNMET"
COMMERCIAL = licensing_pb2.CONTEXT_COMMERCIAL
STATEMENT = (
    "Demonstration with stand-ins: nothing is distributed, and no licence text is at hand where one is missing. With "
    "real weights the person who answers for the product says here where the text, the line or the terms are."
)
_UNSETTLED = (duty_pb2.DUTY_STATE_UNMET, duty_pb2.DUTY_STATE_OPEN)


def expect_unmet(narrator: Narrator, refused: promotion_pb2.Promotion) -> None:
    """The gate must have refused for duties that nobody has answered."""
    narrator.expect_among("the reason of the refusal", {check.reason for check in refused.checks}, DUTY_UNMET)


def answer(narrator: Narrator, alice: Actor, bob: Actor, name: str, outbound: str) -> duty_pb2.Bundle:
    """Alice records the bundle; Bob answers for what no file of it shows, for she promotes the version herself."""
    request = duty_pb2.RecordBundleRequest(
        version=name, context=COMMERCIAL, outbound_license=outbound, allow_missing=True
    )
    bundle = alice.client.duties.RecordBundle(request).bundle
    narrator.say(f"{bundle.recorder} records the bundle: {', '.join(file.path for file in bundle.files)}")
    for text in bundle.missing:
        narrator.say(f"  missing {text.path}: {text.detail}")
    for duty in _unsettled(alice, name, outbound):
        attest = duty_pb2.AttestDutyRequest(
            version=name, context=COMMERCIAL, outbound_license=outbound, duty=duty.code, statement=STATEMENT
        )
        word = bob.client.duties.AttestDuty(attest).attestation
        mark = ", self-administered" if word.self_administered else ""
        narrator.say(f"{word.attester} answers for {word.duty}{mark}")
    left = [duty.code for duty in _unsettled(alice, name, outbound)]
    narrator.require(not left, "duties that are neither met nor attested", ", ".join(left), "none")
    return bundle


def recorded_file(actor: Actor, name: str, outbound: str, path: str) -> duty_pb2.BundleFile:
    """One file of the recorded bundle of a version. Raises NotFound without a bundle."""
    request = duty_pb2.GetBundleRequest(version=name, context=COMMERCIAL, outbound_license=outbound, recorded=True)
    bundle = actor.client.duties.GetBundle(request).bundle
    return next(file for file in bundle.files if file.path == path)


def show(narrator: Narrator, alice: Actor, name: str, outbound: str) -> None:
    """Every duty, and how it is met."""
    rows = [output.to_data(duty) for duty in _duties(alice, name, outbound)]
    narrator.console.print(output.table(rows, ("code", "state", "finding", "detail"), "Duties"))


def _unsettled(actor: Actor, name: str, outbound: str) -> list[duty_pb2.Duty]:
    return [duty for duty in _duties(actor, name, outbound) if duty.state in _UNSETTLED]


def _duties(actor: Actor, name: str, outbound: str) -> list[duty_pb2.Duty]:
    request = duty_pb2.ListDutiesRequest(version=name, context=COMMERCIAL, outbound_license=outbound, page_size=1000)
    return list(actor.client.duties.ListDuties(request).duties)
