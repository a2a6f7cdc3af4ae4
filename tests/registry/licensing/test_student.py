"""The lineage of a student that does not exist yet."""

from __future__ import annotations

import pytest

from registry.licensing import Context, ReasonCode
from registry.licensing.student import (
    Decisions,
    Method,
    Recipe,
    Waiver,
    evaluate_student,
    licensor_of,
    student_exposures,
)
from tests.registry.licensing.planned import SITUATION, find, recipe

QWEN, XLAM, JUDGE = "Qwen/Qwen3-8B", "Salesforce/xLAM-2-3b-fc-r", "openai/gpt-4o"
ROWS = "Salesforce/xlam-function-calling-60k#mixtral"


def ways(made: Recipe, origin: str) -> set[tuple[str, ...]]:
    """How an origin reaches the student, as edge types; of equal ways the shortest."""
    return {tuple(each.path.edges) for each in student_exposures(made) if each.origin == origin}


@pytest.mark.parametrize(
    ("made", "origin", "way"),
    [
        (recipe(QWEN, XLAM), QWEN, ("merge",)),
        (recipe(QWEN, XLAM), XLAM, ("trained_on", "generated_by")),
        (recipe(QWEN, XLAM, method=Method.LOGITS), XLAM, ("distill_logits",)),
        (recipe(QWEN, XLAM, judges=[JUDGE]), JUDGE, ("trained_on", "judged_by")),
        (recipe(QWEN, XLAM, datasets=[ROWS], judges=[JUDGE]), ROWS, ("trained_on",)),
        (recipe(QWEN, datasets=[ROWS], judges=[JUDGE]), ROWS, ("trained_on", "derived_from")),
        (recipe(QWEN, datasets=[ROWS], judges=[JUDGE]), JUDGE, ("trained_on", "judged_by")),
    ],
)
def test_edges_are_those_that_a_run_registers(made: Recipe, origin: str, way: tuple[str, ...]) -> None:
    assert way in ways(made, origin)


def test_the_adapter_stands_between_the_student_and_the_base() -> None:
    """Its edge counts as contested under some policies, so it is a way of its own."""
    adapters = [each for each in student_exposures(recipe(QWEN, XLAM)) if each.crossings.adapter]
    assert {each.path.nodes for each in adapters} == {("student", "student-adapter", QWEN)}


def test_logits_are_taken_only_where_asked_for() -> None:
    assert ("distill_logits",) not in ways(recipe(QWEN, XLAM), XLAM)


def test_an_agreement_lifts_nothing_of_another_licensor() -> None:
    made = recipe(QWEN, XLAM)

    def origins(*waivers: Waiver) -> set[str]:
        decided = Decisions(frozenset(waivers))
        return {each.origin for each in evaluate_student(made, SITUATION, Context.COMMERCIAL, decided).reasons}

    salesforce, qwen = Waiver("Salesforce", "cc-by-nc-4.0"), Waiver("Qwen", "qwen-research")
    assert origins() == {XLAM, "Qwen/Qwen2.5-3B-Instruct"}
    assert origins(salesforce) == {"Qwen/Qwen2.5-3B-Instruct"}
    assert origins(Waiver("Qwen", "cc-by-nc-4.0")) == origins()
    assert origins(salesforce, qwen) == set()
    assert (licensor_of(made, XLAM), licensor_of(made, "student")) == ("Salesforce", "")


def test_the_declared_licence_is_its_own_term() -> None:
    made = Recipe(find(QWEN), find("Qwen/Qwen3-32B"), outbound="cc-by-nc-4.0")
    reasons = evaluate_student(made, SITUATION, Context.COMMERCIAL).reasons
    assert (ReasonCode.NC_LIMITATION, "student") in {(each.code, each.origin) for each in reasons}
