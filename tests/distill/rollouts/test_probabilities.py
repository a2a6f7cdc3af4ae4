"""Log-probabilities of a roll-out: each turn once and in order, whatever a kill made of the way there."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.rollouts.episode import Episode
from distill.rollouts.probabilities import put_in_order, storing, turn_id
from distill.teacher.logprobs import Header, Logprobs, LogprobsError, TokenIds
from distill.teacher.protocol import TokenAlternatives
from tests.distill.playing import about

HEADER = Header(2, "t" * 64)
SCENARIO = about("cancel_order")


def episode(sample: int) -> Episode:
    return Episode(SCENARIO, (), ("call", "done"), "finished", sample=sample)


def tokens(first: int) -> tuple[TokenAlternatives, ...]:
    best = ((f"token_id:{first}", -0.5), (f"token_id:{first + 1}", -2.0))
    return (TokenAlternatives(f"token_id:{first}", -0.5, best),)


def test_turns_that_were_stored_twice_are_there_once(tmp_path: Path) -> None:
    for samples in ((1, 0), (0,)):
        with storing(tmp_path / "kept", HEADER, TokenIds({})) as keep:
            for sample in samples:
                keep(episode(sample), (tokens(10 * sample), tokens(10 * sample + 5)))
    for name in ("a", "b"):
        put_in_order(tmp_path / "kept", tmp_path / name, HEADER, [episode(0), episode(1)])
    files = ("header.json", "rows.jsonl", "tokens.bin")
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    stored = Logprobs(tmp_path / "a", HEADER.tokenizer)
    assert len(stored) == 4
    assert stored[turn_id(SCENARIO.id, 1, 1)].ids.tolist() == [[15, 16]]


def test_a_server_that_tells_no_alternatives_is_told(tmp_path: Path) -> None:
    with storing(tmp_path / "kept", HEADER, TokenIds({})) as keep, pytest.raises(LogprobsError, match="ask for none"):
        keep(episode(0), ((), ()))
