"""How many calls a second the built-in worlds execute in the sandbox, and how many trajectories a second are checked.

Processor time of all processes that take part, the best of several rounds: other work on the machine makes a round
slower, never faster.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from distill.environments.base import Scenario
from distill.environments.execution import Execution, Job
from distill.environments.registry import ENVIRONMENTS, generate_scenarios
from distill.environments.sandbox import Sandbox
from distill.rollouts.episode import Episode
from distill.trajectories.types import Message
from distill.verification.verify import check_format

CALLS_GOAL, FORMAT_GOAL = 2_000, 5_000
_CALLS_OF_A_JOB = 100
_TICK = os.sysconf("SC_CLK_TCK")


def best_rate(work: Callable[[], int], rounds: int, children: Sequence[int] = ()) -> float:
    """Units that ``work`` does in a second of processor time, of this process and of those ``children`` together."""
    best = 0.0
    for _ in range(rounds):
        start = time.process_time() + sum(map(_processor_seconds, children))
        done = work()
        best = max(best, done / (time.process_time() + sum(map(_processor_seconds, children)) - start))
    return best


def _processor_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="ascii") as stat:  # noqa: PTH123 - a file of the kernel
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:  # noqa: PTH123 - likewise
        return [int(child) for child in children.read().split()]


def executed_calls(name: str, scenarios: Sequence[Scenario], rounds: int) -> float:
    """Calls a second of long jobs: the right calls of scenarios, over and over in one world."""
    jobs = []
    for scenario in scenarios:
        calls = (scenario.gold_calls * _CALLS_OF_A_JOB)[:_CALLS_OF_A_JOB]
        jobs.append(Job(name, scenario.env_seed, calls))
    with Sandbox() as sandbox:
        sandbox.run(jobs[:1], 60)

        def work() -> int:
            found = sandbox.run(jobs, 600)
            assert all(isinstance(one, Execution) for one in found)
            return len(jobs) * _CALLS_OF_A_JOB

        return best_rate(work, rounds, _children())


def checked_formats(scenarios: Sequence[Scenario], rounds: int) -> float:
    """Trajectories a second through the first stage of verification: known tools, and arguments that fit."""
    episodes = [Episode(one, tuple(_messages(one)), (), "finished") for one in scenarios]

    def work() -> int:
        assert not any(map(check_format, episodes))
        return len(episodes)

    return best_rate(work, rounds)


def _messages(scenario: Scenario) -> list[Message]:
    return [
        message
        for turn in scenario.turns
        for message in (
            Message("user", turn.message),
            *(Message("assistant", tool_calls=step.calls) for step in turn.steps),
            Message("assistant", turn.answer),
        )
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=200, help="of each world")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    table = Table("world", "calls/s in the sandbox", "trajectories/s checked", box=None)
    rates = []
    for name in ENVIRONMENTS:
        scenarios = generate_scenarios(name, "train", "single", given.scenarios, 1)
        rates.append((executed_calls(name, scenarios, given.rounds), checked_formats(scenarios, given.rounds)))
        table.add_row(name, *(f"{rate:,.0f}" for rate in rates[-1]))
    calls, formats = (min(column) for column in zip(*rates, strict=True))
    console = Console(width=120)
    console.print(table)
    for what, rate, goal in (("calls", calls, CALLS_GOAL), ("trajectories", formats, FORMAT_GOAL)):
        console.print(f"goal: {goal:,} {what}/s of each world: {'met' if rate >= goal else 'missed'}")


if __name__ == "__main__":
    main()
