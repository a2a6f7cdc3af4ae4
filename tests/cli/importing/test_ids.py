"""Ids made from the names of repositories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.importing.ids import id_of, marked_id
from spiritsafe.hub.names import is_repo
from spiritsafe.rpc.names import check_id

REPOS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,80})?", fullmatch=True)


@pytest.mark.parametrize(
    ("repo", "expected"),
    [
        ("Salesforce/xLAM-7b-fc-r", "salesforce-xlam-7b-fc-r"),
        ("Qwen/Qwen2.5-3B_Instruct", "qwen-qwen2.5-3b_instruct"),
        ("gpt2", "gpt2"),
    ],
)
def test_readable_ids(repo: str, expected: str) -> None:
    assert id_of(repo) == expected


@given(REPOS.filter(is_repo))
def test_every_repository_has_an_id(repo: str) -> None:
    for id_ in (id_of(repo), marked_id(repo)):
        assert check_id(id_, "as") == id_
    assert marked_id(repo) == marked_id(repo.upper())


def test_long_names_stay_apart() -> None:
    long = "a" * 60 + "/" + "b" * 60
    assert id_of(long) != id_of(long + "c")
    assert len(id_of(long)) <= 63
