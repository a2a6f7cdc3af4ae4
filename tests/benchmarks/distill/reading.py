"""How fast the calls in what teachers write are read, in outputs a second on one core.

Texts are such as the support desk's teachers write. Processor time, the best of several rounds: other work on the
machine makes a round slower, never faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from distill.teacher.reading import parse_calls
from distill.teacher.streaming import StreamReader
from distill.trajectories.calls import ParsedCalls

GOAL = 50_000
FIND = '{"name": "find_order", "arguments": {"order_id": "A-10423", "include_history": true}}'
REFUND = (
    '{"name": "refund_order", "arguments": {"order_id": "A-10423", "amount": 42.5, "reason": "arrived damaged", '
    '"lines": [{"sku": "KB-7", "quantity": 1}, {"sku": "MS-2", "quantity": 2}]}}'
)
TEXTS = {
    "one call in an array": f"[{FIND}]",
    "two calls in an array": f"[{FIND}, {REFUND}]",
    "tool_calls with thought": f'{{"thought": "The order comes first.", "tool_calls": [{FIND}]}}',
    "prose, no call": "I found your order A-10423. It was delivered on 3 May, and the refund of 42.50 has been booked "
    "to your card; it takes three to five days to show. Is there anything else that I can do for you?",
    "reasoning, then an array": f"<think>\nShe wants the order's state, so I look it up first.\n</think>\n\n[{FIND}]",
    "prose and a fence": f"Let me check that for you.\n```json\n[{FIND}]\n```",
}


def whole(text: str) -> object:
    """Reads a finished text."""
    return parse_calls(text)


def streamed(text: str) -> object:
    """Reads it in pieces of four characters, about a token each."""
    reader = StreamReader()
    for start in range(0, len(text), 4):
        reader.feed(text[start : start + 4])
    return reader.finish()


def seconds(read: Callable[[str], object], text: str, count: int, rounds: int) -> float:
    """Processor time of one text, at best."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            read(text)
        best = min(best, time.process_time() - start)
    return best / count


def _cells(times: dict[Callable[[str], object], float]) -> tuple[str, ...]:
    return f"{times[whole] * 1e6:.1f}", *(f"{1 / times[read]:,.0f}" for read in (whole, streamed))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="texts a round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    table = Table("text", "characters", "µs", "outputs/s", "outputs/s streamed", box=None)
    means: dict[Callable[[str], object], float] = {whole: 0.0, streamed: 0.0}
    for name, text in TEXTS.items():
        assert isinstance(parse_calls(text), ParsedCalls), name
        times = {read: seconds(read, text, given.count // (1 if read is whole else 20), given.rounds) for read in means}
        means = {read: total + times[read] / len(TEXTS) for read, total in means.items()}
        table.add_row(name, str(len(text)), *_cells(times))
    table.add_row("the mix", "", *_cells(means))
    console = Console(width=120)
    console.print(table)
    console.print(f"goal: {GOAL:,} outputs/s of the mix: {'met' if 1 / means[whole] >= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
