"""Rows that hold something of an evaluation, by the n-grams of what users say and by the tools.

A row is contaminated where it shares a run of n words with a user's message of a suite (n is 8 unless told; GPT-3 used
13 on web pages, arXiv:2005.14165, appendix C, and messages are shorter than pages). A message of fewer words counts
where the whole of it stands in the row. Words are compared in lower case, without punctuation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from distill.curation.steps import Step, split
from distill.trajectories.types import ToolSpec, Trajectory

NGRAM = 8
SHORTEST = 4
"""Words of a message that counts as a whole: "hello" in a row says nothing."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Suite:
    """An evaluation, by the messages of its users and by its tools.

    ``tools`` count where the suite is of somebody else's making; rows of a world that the suite is of share its tools
    by design.
    """

    name: str
    messages: Mapping[str, str]
    """By the id of the row in the suite."""
    tools: tuple[ToolSpec, ...] = ()


def suite_of(name: str, rows: Iterable[Trajectory], *, own_tools: bool) -> Suite:
    """The suite of these trajectories; ``own_tools`` where training rows may have the same tools."""
    kept = list(rows)
    messages = {
        f"{row.id}#{index}": message.content
        for row in kept
        for index, message in enumerate(row.messages)
        if message.role == "user"
    }
    tools = () if own_tools else tuple(tool for row in kept for tool in row.tools)
    return Suite(name, messages, tools)


def without_contamination(rows: Sequence[Trajectory], suites: Sequence[Suite], ngram: int = NGRAM) -> Step:
    """Drop the rows that hold something of a suite; each says of which row, and what."""
    index = _Index(ngram)
    for suite in suites:
        index.add(suite)
    found = {number: problem for number, row in enumerate(rows) if (problem := index.problem(row))}
    return split(rows, "contamination", found)


@dataclass
class _Index:
    ngram: int
    grams: dict[str, str] = field(default_factory=dict)
    """The place in a suite by its n-gram; of shorter messages, by all their words."""
    lengths: set[int] = field(default_factory=set)
    tools: dict[str, str] = field(default_factory=dict)

    def add(self, suite: Suite) -> None:
        for row_id, message in suite.messages.items():
            words = _words(message)
            size = min(self.ngram, len(words))
            if size >= SHORTEST:
                self.lengths.add(size)
                for gram in _runs(words, size):
                    self.grams.setdefault(gram, f"{suite.name} {row_id}")
        for tool in suite.tools:
            self.tools.setdefault(_signature(tool), suite.name)

    def problem(self, row: Trajectory) -> tuple[str, str] | None:
        for tool in row.tools:
            if suite := self.tools.get(_signature(tool)):
                return "evaluation_tool", f"{tool.name} is a tool of {suite}"
        for message in row.messages:
            if message.role == "user" and (gram := self._gram_in(message.content)):
                return "evaluation_words", f"{self.grams[gram]}: {gram!r}"
        return None

    def _gram_in(self, text: str) -> str | None:
        words = _words(text)
        runs = (gram for size in sorted(self.lengths, reverse=True) for gram in _runs(words, size))
        return next((gram for gram in runs if gram in self.grams), None)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(words: Sequence[str], size: int) -> Iterator[str]:
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))


def _signature(tool: ToolSpec) -> str:
    """Name and parameters with their types: descriptions may be worded anew and the tool be the same."""
    properties = tool.parameters.get("properties")
    known = properties if isinstance(properties, dict) else {}
    types = {name: schema.get("type") if isinstance(schema, dict) else None for name, schema in known.items()}
    return json.dumps([tool.name, types], sort_keys=True)
