"""JSON patches: what leads from one value to another, exact by type."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from distill.trajectories.patch import PatchError, apply, difference
from distill.trajectories.types import JsonValue
from tests.distill.trajectories.formats.strategies import values


@given(values, values)
@settings(max_examples=80, deadline=None)
def test_a_patch_leads_from_any_value_to_any_other(old: JsonValue, new: JsonValue) -> None:
    before = json.dumps(old)
    patched = apply(difference(old, new), old)
    assert json.dumps(patched, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert json.dumps(old) == before
    assert difference(old, old) == ()


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, True), (0, False), (0.0, -0.0), (None, False), ("1", 1)])
def test_types_differ(old: JsonValue, new: JsonValue) -> None:
    assert difference({"a": [old]}, {"a": [new]}) == ({"op": "replace", "path": "/a/0", "value": new},)


def test_what_lists_begin_and_end_with_stays() -> None:
    assert difference([1, 2, 3], [1, 4, 5, 3]) == (
        {"op": "replace", "path": "/1", "value": 4},
        {"op": "add", "path": "/2", "value": 5},
    )
    assert difference({"a/b": [{"~": 1}, 2]}, {"a/b": [2]}) == ({"op": "remove", "path": "/a~1b/0"},)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/a/7/x", "value": 1},
        {"op": "move", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {},
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(operation: dict[str, JsonValue]) -> None:
    with pytest.raises(PatchError, match="does not fit"):
        apply([operation], {"a": [1]})
