"""What is in a set of trajectories, counted in one pass. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from distill.trajectories.calls import call_to_json, text_of
from distill.trajectories.turns import calls_in
from distill.trajectories.types import JsonValue, Trajectory

MOST_COMMON = 20


@dataclass(slots=True)
class Distribution:
    """Whole numbers by how often they occur: exact, and as large as there are different ones."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, value: int) -> None:
        self.counts[value] += 1

    def quantile(self, share: float) -> int:
        """The least value that this share of all values does not exceed; 0 where there are none."""
        reached, total = 0, self.counts.total()
        for value in sorted(self.counts):
            reached += self.counts[value]
            if reached >= share * total:
                return value
        return 0

    def to_json(self) -> dict[str, JsonValue]:
        total = self.counts.total()
        mean = sum(value * count for value, count in self.counts.items()) / total if total else 0.0
        return {
            "mean": round(mean, 2),
            "p50": self.quantile(0.5),
            "p90": self.quantile(0.9),
            "max": max(self.counts, default=0),
        }


@dataclass(slots=True)
class Statistics:
    """Of rows. Lengths are characters, of messages with their calls as JSON: no tokenizer is asked.

    A row with no call is one that teaches not to call; a parallel turn makes several calls at once; a prompt has no
    assistant turn; an unfinished row ends with something else than the assistant's words. ``tools`` counts the rows
    that offer a tool, ``called`` the calls to it.
    """

    rows: int = 0
    no_call_rows: int = 0
    parallel_rows: int = 0
    reasoning_rows: int = 0
    prompt_rows: int = 0
    unfinished_rows: int = 0
    calls: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    teachers: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    user_turns: Distribution = field(default_factory=Distribution)
    tools_a_row: Distribution = field(default_factory=Distribution)
    calls_a_row: Distribution = field(default_factory=Distribution)
    length: Distribution = field(default_factory=Distribution)

    def add(self, trajectory: Trajectory) -> None:
        """Count one more row."""
        messages, made = trajectory.messages, calls_in(trajectory.messages)
        roles = Counter[str](message.role for message in messages)
        self.rows += 1
        self.calls += len(made)
        self.prompt_rows += not roles["assistant"]
        self.no_call_rows += not made and roles["assistant"] > 0
        self.parallel_rows += any(len(message.tool_calls) > 1 for message in messages)
        self.reasoning_rows += any(message.reasoning is not None for message in messages)
        last = messages[-1]
        self.unfinished_rows += roles["assistant"] > 0 and (last.role != "assistant" or bool(last.tool_calls))
        self.messages.update(roles)
        self.categories[trajectory.provenance.category] += 1
        self.teachers[trajectory.provenance.teacher] += 1
        self.tools.update({tool.name for tool in trajectory.tools})
        self.called.update(call.name for call in made)
        self.user_turns.add(roles["user"])
        self.tools_a_row.add(len(trajectory.tools))
        self.calls_a_row.add(len(made))
        self.length.add(characters(trajectory))

    def to_json(self) -> dict[str, JsonValue]:
        """Shares are of all rows; of tools the most common ones are named."""
        counts: dict[str, JsonValue] = {
            name: getattr(self, name)
            for name in ("no_call_rows", "parallel_rows", "reasoning_rows", "prompt_rows", "unfinished_rows")
        }
        shares: dict[str, JsonValue] = {
            f"{name.removesuffix('_rows')}_share": round(getattr(self, name) / self.rows, 4) if self.rows else 0.0
            for name in ("no_call_rows", "parallel_rows")
        }
        return {
            "rows": self.rows,
            **counts,
            **shares,
            "calls": self.calls,
            "messages": _common(self.messages),
            "categories": _common(self.categories),
            "teachers": _common(self.teachers),
            "distinct_tools": len(self.tools),
            "distinct_called": len(self.called),
            "tools": _common(self.tools),
            "called": _common(self.called),
            "user_turns": self.user_turns.to_json(),
            "tools_a_row": self.tools_a_row.to_json(),
            "calls_a_row": self.calls_a_row.to_json(),
            "characters": self.length.to_json(),
        }


def statistics_of(trajectories: Iterable[Trajectory]) -> Statistics:
    """Count them all."""
    result = Statistics()
    for trajectory in trajectories:
        result.add(trajectory)
    return result


def _common(counts: Counter[str]) -> dict[str, JsonValue]:
    """Most common first, those alike by name; what has no name is left out."""
    named = sorted(((key, count) for key, count in counts.items() if key), key=lambda pair: (-pair[1], pair[0]))
    return dict(named[:MOST_COMMON])


def characters(trajectory: Trajectory) -> int:
    """Of all messages with their reasoning and calls, without the tools on offer."""
    return sum(
        len(message.content)
        + len(message.reasoning or "")
        + sum(len(text_of(call_to_json(call))) for call in message.tool_calls)
        for message in trajectory.messages
    )
