"""What a teacher thought likely, on disk: the k best tokens of each position and the mass of all others.

A folder holds ``header.json``, ``tokens.bin`` and ``rows.jsonl``. A position takes 4.5 k + 4 bytes (292 at k = 64): 20
bits for an id, 16 for a log-probability, 32 for the tail. Log-probabilities are stored in steps of 32 / 65,534 nats, so
each is off by 2.5e-4 nats at most; below -32 nats all count as -32. Token ids mean something for one tokenizer only,
whose digest stands in the header.

Rows are appended, tokens first: what a kill leaves behind is cut off when the folder is opened again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from distill.teacher.protocol import TokenAlternatives

FORMAT = 1
MAX_ID = (1 << 20) - 1
LOWEST = -32.0
_STEPS = 65_535
_HEADER, _TOKENS, _ROWS = "header.json", "tokens.bin", "rows.jsonl"
_BY_ID = "token_id:"

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class LogprobsError(ValueError):
    """Stored log-probabilities that cannot be used, or some that cannot be stored. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a folder holds: ``top`` alternatives a position, of a tokenizer."""

    top: int
    tokenizer: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Positions:
    """T positions of one reply: ``ids`` and ``logprobs`` of shape [T, top], best first, ``tail`` mass of shape [T].

    Where a server named fewer than ``top``, the rest has id 0 and log-probability -inf, and its mass is in the tail.
    """

    ids: Ids
    logprobs: Floats
    tail: Floats


def tokenizer_digest(vocabulary: Mapping[str, int]) -> str:
    """SHA-256 (hex) of a vocabulary with its added tokens, as ``tokenizer.get_vocab()`` gives it, by id."""
    pairs = sorted((index, token) for token, index in vocabulary.items())
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


class TokenIds:
    """Ids for the tokens that a server names, by id or by text."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        """``texts`` is what each id decodes to by itself."""
        self._ids: dict[str, int] = {}
        self._ambiguous: set[str] = set()
        for index, text in texts.items():
            if text in self._ids:
                self._ambiguous.add(text)
            self._ids[text] = index

    def __getitem__(self, token: str) -> int:
        """The id. Raises LogprobsError for a text that belongs to no token, or to several."""
        if token.startswith(_BY_ID) and token.removeprefix(_BY_ID).isdecimal():
            return int(token.removeprefix(_BY_ID))
        if token in self._ambiguous or token not in self._ids:
            how_many = "several tokens" if token in self._ambiguous else "no token"
            raise LogprobsError(
                f"the text {token!r} belongs to {how_many} of the tokenizer; serve with vLLM, which can name ids, "
                "or with the tokenizer that the server uses"
            )
        return self._ids[token]

    def positions(self, tokens: tuple[TokenAlternatives, ...], top: int) -> Positions:
        """The positions of a reply, cut or filled to ``top`` alternatives.

        Raises:
            LogprobsError: a token is not known, or two alternatives are the same.
        """
        ids = np.zeros((len(tokens), top), np.int64)
        logprobs = np.full((len(tokens), top), -np.inf, np.float32)
        for row, token in enumerate(tokens):
            best = sorted(token.alternatives, key=lambda one: -one[1])[:top]
            found = [self[text] for text, _ in best]
            if len(set(found)) < len(found):
                raise LogprobsError(f"position {row} names one token twice; its probabilities cannot be told apart")
            ids[row, : len(found)] = found
            logprobs[row, : len(found)] = [value for _, value in best]
        tail = 1 - np.exp(logprobs.astype(np.float64)).sum(axis=1)
        return Positions(ids, logprobs, np.clip(tail, 0, 1).astype(np.float32))


class LogprobsWriter:
    """Appends replies to a folder, which is made where there is none."""

    def __init__(self, folder: Path, header: Header) -> None:
        """Raises LogprobsError where the folder holds something else."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _HEADER
        if not path.exists():
            path.write_text(json.dumps(asdict(header)))
        if _header(folder) != header:
            raise LogprobsError(f"{folder} holds log-probabilities of another kind; choose another folder")
        self._dtype = _dtype(header.top)
        self._tokens = (folder / _TOKENS).open("ab")
        self._rows = (folder / _ROWS).open("ab+")
        self._count = self._recover()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tokens.close()
        self._rows.close()

    def append(self, row_id: str, positions: Positions) -> None:
        """Store one reply under an id; on disk when this returns.

        Raises:
            LogprobsError: it does not fit the folder.
        """
        record = _encode(positions, self._dtype)
        self._tokens.write(record.tobytes())
        _to_disk(self._tokens)
        entry = {"id": row_id, "start": self._count, "tokens": len(record)}
        self._rows.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        _to_disk(self._rows)
        self._count += len(record)

    def _recover(self) -> int:
        """Cut off what belongs to no whole row, and count the positions of the others."""
        self._rows.seek(0)
        whole = count = 0
        for line in self._rows:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            count += json.loads(line)["tokens"]
        self._rows.truncate(whole)
        self._tokens.truncate(count * self._dtype.itemsize)
        return count


class Logprobs:
    """A folder of stored replies, mapped into memory: a row costs what is looked at."""

    def __init__(self, folder: Path, tokenizer: str) -> None:
        """Opens a folder for one tokenizer, given by its digest.

        Raises:
            LogprobsError: it is of another tokenizer or format, or its files have been cut.
        """
        header = _header(folder)
        if header.format != FORMAT:
            raise LogprobsError(f"{folder} has format {header.format}, this version reads {FORMAT}; store it anew")
        if header.tokenizer != tokenizer:
            raise LogprobsError(
                f"{folder} holds ids of another tokenizer ({header.tokenizer[:12]}…, asked for {tokenizer[:12]}…); "
                "its numbers mean other tokens there"
            )
        with (folder / _ROWS).open(encoding="utf-8") as lines:
            self._rows = {row["id"]: (row["start"], row["start"] + row["tokens"]) for row in map(json.loads, lines)}
        needed = max((end for _, end in self._rows.values()), default=0)
        dtype = _dtype(header.top)
        if (folder / _TOKENS).stat().st_size < needed * dtype.itemsize:
            raise LogprobsError(f"{folder} has lost some of its tokens; copy it again, or store it anew")
        self._tokens = np.memmap(folder / _TOKENS, dtype, "r", shape=(needed,)) if needed else np.empty(0, dtype)
        self.top = header.top

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: str) -> bool:
        return row_id in self._rows

    def __getitem__(self, row_id: str) -> Positions:
        """The positions of a reply. Raises KeyError for an unknown id."""
        start, end = self._rows[row_id]
        return _decode(self._tokens[start:end], self.top)


def _header(folder: Path) -> Header:
    try:
        return Header(**json.loads((folder / _HEADER).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise LogprobsError(f"{folder} holds no log-probabilities ({error})") from error


def _dtype(top: int) -> np.dtype[np.void]:
    if top < 1:
        raise LogprobsError(f"at least one alternative a position must be stored, not {top}")
    low, high, logprobs = ("low", "<u2", (top,)), ("high", "u1", ((top + 1) // 2,)), ("logprobs", "<u2", (top,))
    return np.dtype([low, high, logprobs, ("tail", "<f4")])


def _encode(positions: Positions, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    top = dtype["low"].shape[0]
    ids, logprobs = positions.ids, positions.logprobs
    if ids.shape != logprobs.shape or ids.shape != (len(positions.tail), top):
        raise LogprobsError(f"expected ids and log-probabilities of shape [{len(positions.tail)}, {top}]")
    if ids.size and (ids.min() < 0 or ids.max() > MAX_ID):
        raise LogprobsError(f"token ids must lie between 0 and {MAX_ID}")
    if np.isnan(logprobs).any() or (logprobs > 1e-3).any():
        raise LogprobsError("log-probabilities must be numbers of at most 0")
    record = np.zeros(len(ids), dtype)
    record["low"] = ids & 0xFFFF
    nibbles = np.zeros((len(ids), 2 * ((top + 1) // 2)), np.uint8)
    nibbles[:, :top] = ids >> 16
    record["high"] = nibbles[:, 0::2] | nibbles[:, 1::2] << 4
    # Code 0 is for what was not named; so the lowest that was has code 1.
    scaled = np.rint((np.clip(logprobs, LOWEST, 0) / LOWEST) * (_STEPS - 1))
    record["logprobs"] = np.where(np.isneginf(logprobs), 0, _STEPS - scaled)
    record["tail"] = positions.tail
    return record


def _decode(record: npt.NDArray[np.void], top: int) -> Positions:
    high = record["high"]
    nibbles = np.stack([high & 0xF, high >> 4], axis=-1).reshape(len(record), 2 * high.shape[1])[:, :top]
    codes = record["logprobs"]
    logprobs = (_STEPS - codes.astype(np.float32)) / (_STEPS - 1) * LOWEST
    return Positions(
        ids=record["low"].astype(np.int64) | nibbles.astype(np.int64) << 16,
        logprobs=np.where(codes == 0, -np.inf, logprobs).astype(np.float32),
        tail=np.array(record["tail"]),
    )


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
