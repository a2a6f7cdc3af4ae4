"""Run names and page tokens."""

from __future__ import annotations

import pytest

from distill.runs import names
from spiritsafe.errors import InvalidArgument


def test_names_go_both_ways() -> None:
    assert names.run_id(names.run_name("run-1")) == "run-1"


@pytest.mark.parametrize("name", ["run-1", "runs/", "runs/A B", "runs/../x", "namespaces/a/models/b"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        names.run_id(name)


def test_tokens_go_both_ways_and_are_not_numbers() -> None:
    assert names.page_start(names.page_token(17)) == 17
    assert names.page_start("") is None
    for token in ("17", "####", names.page_token(1)[:-4] + "AAAA"):
        with pytest.raises(InvalidArgument, match="page token"):
            names.page_start(token)
