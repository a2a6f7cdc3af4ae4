"""``python -m tests.benchmarks.distill.curating``: near-duplicate removal at scale, on one core."""

from __future__ import annotations

import argparse
import os
import random
import resource
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from distill.curation.near_duplicates import near_duplicates

GOAL_SECONDS, GOAL_BYTES = 300, 4 << 30
_WORDS = [f"{first}{second}" for first in ("re", "in", "out", "over", "un") for second in map(str, range(4_000))]
WORDS_A_ROW, COPIES = 40, 0.1


def rows(count: int) -> Iterator[str]:
    """Texts of 40 words; a tenth are an earlier one with a word changed."""
    chance = random.Random(7)
    recent: list[list[str]] = []
    for _ in range(count):
        if recent and chance.random() < COPIES:
            words = [*chance.choice(recent)]
            words[-1] = chance.choice(_WORDS)
        else:
            words = chance.choices(_WORDS, k=WORDS_A_ROW)
            recent = [*recent[-999:], words]
        yield " ".join(words)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = list(rows(count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = near_duplicates(texts, 0.8)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    table = Table(title=f"Near-duplicate removal of {count:,} rows of {WORDS_A_ROW} words")
    for column in ("", "value", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("time", f"{seconds:,.1f} s", f"≤ {GOAL_SECONDS} s {'met' if seconds <= GOAL_SECONDS else 'missed'}")
    table.add_row("rows a second", f"{count / seconds:,.0f}", "")
    met = "met" if peak <= GOAL_BYTES else "missed"
    table.add_row("peak memory", f"{peak / (1 << 30):.2f} GiB", f"≤ {GOAL_BYTES >> 30} GiB {met}")
    table.add_row("of it the texts", f"{before * 1024 / (1 << 30):.2f} GiB", "")
    table.add_row("dropped", f"{len(found) / count:.1%}", f"about {COPIES:.0%} are copies")
    Console().print(table)


if __name__ == "__main__":
    main()
