"""Stored log-probabilities: exact ids, a bound on the error, and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.teacher.logprobs import (
    LOWEST,
    MAX_ID,
    Header,
    Logprobs,
    LogprobsError,
    LogprobsWriter,
    Positions,
    TokenIds,
    tokenizer_digest,
)
from distill.teacher.protocol import TokenAlternatives

DIGEST = tokenizer_digest({"a": 0, "b": 1})
BOUND = -LOWEST / 65_534 / 2 + 1e-5


def drawn(tokens: int, top: int, seed: int = 0) -> Positions:
    """A real distribution's best tokens."""
    chance = np.random.default_rng(seed)
    scores = np.sort(chance.normal(0, 4, (tokens, 4 * top)), axis=1)[:, ::-1]
    logprobs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    ids = (
        np.stack([chance.choice(MAX_ID + 1, top, replace=False) for _ in range(tokens)])
        if tokens
        else np.empty((0, top))
    )
    best = logprobs[:, :top].astype(np.float32)
    return Positions(ids.astype(np.int64), best, (1 - np.exp(best).sum(axis=1)).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(1, 65), st.integers(0, 1000))
def test_ids_and_tail_come_back_exactly_and_logprobs_within_the_bound(tokens: int, top: int, seed: int) -> None:
    import tempfile

    stored = drawn(tokens, top, seed)
    with tempfile.TemporaryDirectory() as name:
        with LogprobsWriter(Path(name), Header(top, DIGEST)) as writer:
            writer.append("one", drawn(3, top, seed + 1))
            writer.append("two", stored)
        got = Logprobs(Path(name), DIGEST)["two"]
    assert (got.ids == stored.ids).all()
    assert (got.tail == stored.tail).all()
    assert np.abs(got.logprobs - np.maximum(stored.logprobs, LOWEST)).max(initial=0) <= BOUND


def test_a_position_takes_less_than_320_bytes_at_64(tmp_path: Path) -> None:
    with LogprobsWriter(tmp_path, Header(64, DIGEST)) as writer:
        writer.append("one", drawn(100, 64))
    assert (tmp_path / "tokens.bin").stat().st_size == 100 * 292


@pytest.mark.parametrize("cut", [1, 291, 292, 1000])
def test_what_a_kill_left_is_cut_off(tmp_path: Path, cut: int) -> None:
    header = Header(64, DIGEST)
    with LogprobsWriter(tmp_path, header) as writer:
        writer.append("one", drawn(5, 64, 1))
    rows = (tmp_path / "rows.jsonl").read_bytes()
    with (tmp_path / "tokens.bin").open("ab") as file:
        file.write(b"x" * cut)
    (tmp_path / "rows.jsonl").write_bytes(rows + b'{"id": "tw')
    with LogprobsWriter(tmp_path, header) as writer:
        writer.append("two", drawn(7, 64, 2))
    stored = Logprobs(tmp_path, DIGEST)
    assert len(stored) == 2
    for row_id, tokens, seed in (("one", 5, 1), ("two", 7, 2)):
        assert row_id in stored
        assert (stored[row_id].ids == drawn(tokens, 64, seed).ids).all()


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with LogprobsWriter(tmp_path, Header(4, DIGEST)) as writer:
        writer.append("one", drawn(5, 4))
        with pytest.raises(LogprobsError, match=r"shape \[5, 4\]"):
            writer.append("two", drawn(5, 3))
        with pytest.raises(LogprobsError, match="at most 0"):
            writer.append(
                "two", Positions(np.zeros((1, 4), np.int64), np.ones((1, 4), np.float32), np.zeros(1, np.float32))
            )
        with pytest.raises(LogprobsError, match="between 0 and"):
            writer.append(
                "two", Positions(np.full((1, 4), 1 << 20), np.zeros((1, 4), np.float32), np.zeros(1, np.float32))
            )
    with pytest.raises(LogprobsError, match="another tokenizer"):
        Logprobs(tmp_path, tokenizer_digest({"a": 1, "b": 0}))
    with pytest.raises(LogprobsError, match="another kind"):
        LogprobsWriter(tmp_path, Header(8, DIGEST))
    data = (tmp_path / "tokens.bin").read_bytes()
    (tmp_path / "tokens.bin").write_bytes(data[:-1])
    with pytest.raises(LogprobsError, match="lost some"):
        Logprobs(tmp_path, DIGEST)
    (tmp_path / "header.json").write_text(json.dumps({"top": 4, "tokenizer": DIGEST, "format": 2}))
    with pytest.raises(LogprobsError, match="format 2"):
        Logprobs(tmp_path, DIGEST)
    with pytest.raises(LogprobsError, match="holds no"):
        Logprobs(tmp_path / "elsewhere", DIGEST)


def test_tokens_are_told_by_id_or_by_a_text_that_only_one_has() -> None:
    known = TokenIds({3: "a", 4: "b", 5: "�", 6: "�"})
    assert (known["a"], known["token_id:77"]) == (3, 77)
    for text in ("�", "c", "token_id:x"):
        with pytest.raises(LogprobsError, match="token"):
            known[text]
    tokens = (
        TokenAlternatives("a", -0.5, (("b", -1.5), ("a", -0.5))),
        TokenAlternatives("b", -0.1, (("b", -0.1),)),
    )
    found = known.positions(tokens, 2)
    assert found.ids.tolist() == [[3, 4], [4, 0]]
    assert found.logprobs.tolist() == [[-0.5, -1.5], [pytest.approx(-0.1), -np.inf]]
    assert found.tail == pytest.approx([1 - np.exp(-0.5) - np.exp(-1.5), 1 - np.exp(-0.1)])
    with pytest.raises(LogprobsError, match="twice"):
        known.positions((TokenAlternatives("a", -0.5, (("a", -0.5), ("token_id:3", -1.0))),), 2)


def test_what_was_not_named_stays_apart_from_what_is_unlikely(tmp_path: Path) -> None:
    positions = Positions(
        np.array([[7, 8, 0]]), np.array([[0.0, -100.0, -np.inf]], np.float32), np.zeros(1, np.float32)
    )
    with LogprobsWriter(tmp_path, Header(3, DIGEST)) as writer:
        writer.append("one", positions)
    assert Logprobs(tmp_path, DIGEST)["one"].logprobs.tolist() == [[0.0, LOWEST, -np.inf]]


def test_a_digest_is_of_ids_and_tokens_and_not_of_their_order() -> None:
    assert tokenizer_digest({"b": 1, "a": 0}) == DIGEST
    assert tokenizer_digest({"a": 0, "b": 2}) != DIGEST
