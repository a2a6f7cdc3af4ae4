"""``python -m tests.benchmarks.distill.curating [--rows N]``: curation of a million trajectories, on one core.

Rows are of 200 templates with names, numbers and free words in them, so that most are much alike and few are copies; a
tenth are an earlier row with a word or two changed or moved, and each of those knows its origin.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from distill.curation.balance import balanced
from distill.curation.decontamination import Suite, without_contamination
from distill.curation.duplicates import without_copies, without_near_copies
from distill.curation.near_duplicates import similarity
from distill.curation.settings import CurationSettings
from distill.curation.steps import Step
from distill.curation.texts import compared_text
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory

GOAL_SECONDS, GOAL_BYTES = 300, 4 << 30
THRESHOLD = 0.8
COPIES, TEMPLATES, TEMPLATE_WORDS, FREE_WORDS = 0.1, 200, 24, 8
_WORDS = [f"{first}{second}" for first in ("re", "in", "out", "over", "un") for second in map(str, range(4_000))]
_TOOLS = tuple(ToolSpec(f"tool_{number}", "", {"type": "object", "properties": {}}) for number in range(20))


@dataclass
class Rows:
    """Trajectories in the making. ``origins`` are those of planted near-copies, by id."""

    count: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    origins: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Trajectory]:
        templates = [self.chance.choices(_WORDS, k=TEMPLATE_WORDS) for _ in range(TEMPLATES)]
        recent: list[tuple[str, list[str], int]] = []
        for number in range(self.count):
            row_id = f"row-{number}"
            if recent and self.chance.random() < COPIES:
                origin, words, tool = self.chance.choice(recent)
                self.origins[row_id] = origin
                words = self._altered(words)
            else:
                words, tool = self._filled(self.chance.choice(templates)), self.chance.randrange(len(_TOOLS))
                recent = [*recent[-999:], (row_id, words, tool)]
            yield _trajectory(row_id, words, tool)

    def _filled(self, template: list[str]) -> list[str]:
        free = self.chance.choices(_WORDS, k=FREE_WORDS)
        return [*template[:12], f"o{self.chance.randrange(10**7)}", *template[12:], *free]

    def _altered(self, words: list[str]) -> list[str]:
        words = words[:]
        for _ in range(self.chance.randrange(1, 3)):
            words[self.chance.randrange(len(words))] = self.chance.choice(_WORDS)
        return words


def _trajectory(row_id: str, words: list[str], tool: int) -> Trajectory:
    call = ToolCall(f"tool_{tool}", {"order_id": words[12], "note": words[-1]})
    messages = (
        Message("user", " ".join(words)),
        *((Message("assistant", tool_calls=(call,)), Message("tool", "{}", name=call.name)) if tool else ()),
        Message("assistant", "Done."),
    )
    return Trajectory(row_id, _TOOLS, messages)


def _suite() -> Suite:
    chance = random.Random(8)
    return Suite("other", {str(number): " ".join(chance.choices(_WORDS, k=30)) for number in range(5_000)})


def _steps(rows: list[Trajectory]) -> Iterator[tuple[str, list[Step], float]]:
    """What is done, its outcome, and the seconds of processor time that it took."""
    suite = _suite()
    wanted = CurationSettings(most_of_a_tool=0.053, most_no_call=0.03)
    left = tuple(rows)
    takes: dict[str, Callable[[], list[Step]]] = {
        "copies": lambda: [without_copies(left)],
        "near copies": lambda: [without_near_copies(left, THRESHOLD)],
        "contamination": lambda: [without_contamination(left, [suite])],
        "balance": lambda: list(balanced(left, wanted)),
    }
    for name, take in takes.items():
        start = time.process_time()
        steps = take()
        yield name, steps, time.process_time() - start
        left = steps[-1].kept


def _recall(rows: list[Trajectory], origins: dict[str, str], gone: set[str]) -> tuple[int, int]:
    """How many planted copies are THRESHOLD alike to their origin, and how many of these are gone."""
    planted = {*origins, *origins.values()}
    texts = {row.id: compared_text(row) for row in rows if row.id in planted}
    alike = {copy for copy, origin in origins.items() if similarity(texts[copy], texts[origin]) >= THRESHOLD}
    return len(alike), len(alike & gone)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    made = Rows(count)
    rows = list(made)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    table = Table("step", "seconds", "rows a second", "dropped", title=f"Curation of {count:,} trajectories, one core")
    total, found, peak = 0.0, (0, 0), held
    gone: set[str] = set()
    for name, steps, seconds in _steps(rows):
        total += seconds
        dropped = sum(len(step.dropped) for step in steps)
        table.add_row(name, f"{seconds:,.1f}", f"{steps[0].offered / seconds:,.0f}", f"{dropped:,}")
        gone.update(one.row_id for step in steps for one in step.dropped)
        if name == "near copies":
            found = _recall(rows, made.origins, gone)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    table.add_row("all", f"{total:,.1f}", f"{count / total:,.0f}", "")
    console = Console()
    console.print(table)
    console.print(f"time: {total:,.0f} s, goal {GOAL_SECONDS} s: {'met' if total <= GOAL_SECONDS else 'missed'}")
    words = f"peak memory: {peak / (1 << 30):.2f} GiB, of it {held / (1 << 30):.2f} the rows themselves, goal"
    console.print(f"{words} {GOAL_BYTES >> 30} GiB: {'met' if peak <= GOAL_BYTES else 'missed'}")
    console.print(f"recall: {found[1]:,} of {found[0]:,} planted copies that are {THRESHOLD:.0%} alike")


if __name__ == "__main__":
    main()
