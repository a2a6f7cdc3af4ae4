"""Rows that hold something of an evaluation, by the n-grams of what users say and by the tools.

A row is contaminated where one of its user messages shares a run of n words with one of a suite (n is 8 unless told;
GPT-3 used 13 on web pages, arXiv:2005.14165, appendix C, and messages are shorter than pages). A message of fewer words
counts where the whole of it stands in the row, and one of fewer than SHORTEST is not compared. Words are those of
``words_of``: case, punctuation and compatibility forms make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from distill.curation.steps import Dropped, Step
from distill.curation.texts import words_of
from distill.environments.base import Scenario
from distill.trajectories.types import ToolSpec, Trajectory

NGRAM = 8
SHORTEST = 4
"""Words of a message that counts as a whole: "hello" in a row says nothing."""
ForeignTools = Literal["drop", "note"]
"""What becomes of a row that offers a tool of a foreign suite: it goes, or it stays and is told of."""


@dataclass(frozen=True, slots=True)
class Suite:
    """An evaluation, by the messages of its users and by its tools.

    ``tools`` count where the suite is foreign: of somebody else's making. Training rows of a world that the suite is of
    share its tools by design, so there they are empty.
    """

    name: str
    messages: Mapping[str, str]
    """By the id of the row in the suite and the message's number there."""
    tools: tuple[ToolSpec, ...] = ()


def suite_of(name: str, rows: Iterable[Trajectory], *, foreign: bool) -> Suite:
    """The suite of these trajectories, of which only the users' messages and the tools are looked at."""
    messages: dict[str, str] = {}
    tools: dict[_Signature, ToolSpec] = {}
    for row in rows:
        said = (message.content for message in row.messages if message.role == "user")
        messages.update((f"{row.id}#{number}", content) for number, content in enumerate(said))
        if foreign:
            tools.update((_signature(tool), tool) for tool in row.tools)
    return Suite(name, messages, tuple(tools.values()))


def suite_of_scenarios(name: str, scenarios: Iterable[Scenario]) -> Suite:
    """The suite of held-out scenarios. Worlds share their tools with training rows by design."""
    messages = {
        f"{scenario.id}#{number}": turn.message for scenario in scenarios for number, turn in enumerate(scenario.turns)
    }
    return Suite(name, messages)


def without_contamination(
    rows: Sequence[Trajectory], suites: Sequence[Suite], ngram: int = NGRAM, foreign_tools: ForeignTools = "drop"
) -> Step:
    """Drop the rows that hold something of a suite (``evaluation_words``, ``evaluation_tool``), and say what of which.

    With ``foreign_tools`` "note" a shared tool alone is told of in ``noted``, and the row stays.
    """
    index = _Index(ngram)
    for suite in suites:
        index.add(suite)
    kept, dropped, noted = [], [], []
    for row in rows:
        words, tool = index.words_problem(row), index.tool_problem(row)
        problem = words or (tool if foreign_tools == "drop" else None)
        if problem:
            dropped.append(problem)
            continue
        kept.append(row)
        noted += [tool] if tool else []
    return Step("contamination", len(rows), tuple(kept), tuple(dropped), tuple(noted))


_Gram = tuple[str, ...]
_Signature = tuple[str, frozenset[str]]


@dataclass
class _Index:
    """Suites by their n-grams, and of shorter messages by all their words."""

    ngram: int
    places: dict[_Gram, tuple[str, str]] = field(default_factory=dict)
    """The suite and the place in it, by n-gram: the first where several have it."""
    sizes: dict[_Gram, set[int]] = field(default_factory=dict)
    """By the first words of an n-gram its possible lengths, so that most of a row is passed over in one look."""
    tools: dict[_Signature, str] = field(default_factory=dict)

    def add(self, suite: Suite) -> None:
        for place, message in suite.messages.items():
            words = words_of(message)
            size = min(self.ngram, len(words))
            if size >= min(SHORTEST, self.ngram):
                for gram in _runs(words, size):
                    self.places.setdefault(gram, (suite.name, place))
                    self.sizes.setdefault(gram[: self._head], set()).add(size)
        for tool in suite.tools:
            self.tools.setdefault(_signature(tool), suite.name)

    @property
    def _head(self) -> int:
        return min(SHORTEST, self.ngram)

    def tool_problem(self, row: Trajectory) -> Dropped | None:
        for tool in row.tools if self.tools else ():
            if suite := self.tools.get(_signature(tool)):
                detail = f"{tool.name} is a tool of {suite}"
                return Dropped(row.id, "evaluation_tool", detail, {"suite": suite, "tool": tool.name})
        return None

    def words_problem(self, row: Trajectory) -> Dropped | None:
        for message in row.messages if self.places else ():
            if message.role == "user" and (gram := self._shared(words_of(message.content))):
                (suite, place), words = self.places[gram], " ".join(gram)
                evidence = {"suite": suite, "suite_row": place, "gram": words}
                return Dropped(row.id, "evaluation_words", f"{suite} {place}: {words!r}", dict(evidence))
        return None

    def _shared(self, words: Sequence[str]) -> _Gram | None:
        """The first run of words that a suite has too, at its place the longest."""
        for start, head in enumerate(_runs(words, self._head)):
            for size in sorted(self.sizes.get(head, ()), reverse=True):
                gram = tuple(words[start : start + size])
                if gram in self.places:
                    return gram
        return None


def _runs(words: Sequence[str], size: int) -> Iterator[_Gram]:
    return zip(*(words[start:] for start in range(size)), strict=False)


def _signature(tool: ToolSpec) -> _Signature:
    """Name and parameters' names: descriptions may be worded anew, and types be called otherwise."""
    properties = tool.parameters.get("properties")
    return tool.name, frozenset(properties if isinstance(properties, dict) else ())
