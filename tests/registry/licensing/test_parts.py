"""What parts need, each judged by itself, against what the whole student needs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import Context
from registry.licensing.alternatives import Market, slots_of
from registry.licensing.needs import need_of
from registry.licensing.parts import Parts
from registry.licensing.student import Recipe, Situation, evaluate_student
from tests.registry.licensing.test_planning import spaces


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spaces(), st.data())
def test_a_whole_student_needs_what_its_parts_need(
    space: tuple[Recipe, Market, Situation, Context], data: st.DataObject
) -> None:
    asked, market, situation, context = space
    slots = slots_of(asked, market, situation.catalogue)
    parts = Parts(asked, slots, situation, context)
    # Two choices, so that the second one meets what was worked out for the first.
    for _ in range(2):
        choice = tuple(data.draw(st.integers(0, len(slot.options) - 1)) for slot in slots)
        made = parts.recipe(choice)
        assert parts.total(choice) == need_of(evaluate_student(made, situation, context).reasons, made)
        assert parts.learns(choice) == bool(made.teacher or made.datasets)
