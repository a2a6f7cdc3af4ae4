"""Where a rollback leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.promotion.history import Held, rollback_target


def held(text: str) -> list[Held]:
    """ "1 2 <1": promotions of 1 and 2, then a rollback that put 1 back."""
    return [Held(int(each.lstrip("<")), f"as-{each}", False, each.startswith("<")) for each in text.split()]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", None),
        ("1", None),
        ("1 2", 1),
        ("1 2 3", 2),
        ("1 2 3 <2", 1),  # one further back, not forth again
        ("1 2 3 <2 <1", None),
        ("1 2 <1", None),
        ("1 2 <1 2", 1),  # forward is an ordinary promotion
        ("1 2 <1 3", 1),  # 2 was rolled back and does not return
        ("1 2 1", 2),
        ("1 2 1 <2", 1),
        ("1 1", None),  # the same version anew is no other one
        ("1 2 2", 1),
        ("1 2 2 <1", None),
    ],
)
def test_rollback_reads_history_as_an_undo_stack(history: str, expected: int | None) -> None:
    target = rollback_target(held(history))
    assert (target and target.version_id) == expected


def test_version_returns_as_it_was_held_last() -> None:
    history = [
        Held(1, "mit", False, False),
        Held(1, "openrail-m", True, False),
        Held(2, "mit", False, False),
    ]
    assert rollback_target(history) == history[1]


@given(st.lists(st.integers(1, 4)))
def test_repeated_rollbacks_end(promotions: list[int]) -> None:
    history = [Held(each, "", False, False) for each in promotions]
    for _ in range(len(promotions)):
        target = rollback_target(history)
        if target is None:
            break
        assert target.version_id != history[-1].version_id
        history.append(Held(target.version_id, "", False, True))
    assert rollback_target(history) is None
