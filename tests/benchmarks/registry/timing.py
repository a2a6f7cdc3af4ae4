"""Latencies of repeated calls, by one caller or several at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.registry.sizes import MIN_CALLS

Call = Callable[[], object]


@dataclass(slots=True)
class Timed:
    """Calls of one operation on one system: seconds of each that succeeded, and of the whole blocks."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    failed: int = 0

    def add(self, other: Timed) -> None:
        """Takes over another block's calls."""
        self.latencies += other.latencies
        self.elapsed += other.elapsed
        self.failed += other.failed

    @property
    def rate(self) -> float:
        """Successful calls per second."""
        return len(self.latencies) / self.elapsed if self.elapsed else 0.0

    def milliseconds(self, share: float) -> float:
        """The time within which this share of the calls was answered; not a number where none was."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")


def alone(call: Call, calls: int, seconds: float) -> Timed:
    """One caller, one call after the other, after one that is not counted."""
    call()
    return _block(call, calls, seconds)


def together(callers: Sequence[Call], calls: int, seconds: float) -> Timed:
    """All callers at once, ``calls`` in all; each has made one call that is not counted."""
    for call in callers:
        call()
    blocks: list[Timed] = []
    start = threading.Barrier(len(callers) + 1)

    def run(call: Call) -> None:
        start.wait()
        blocks.append(_block(call, -(-calls // len(callers)), seconds))

    threads = [threading.Thread(target=run, args=(call,)) for call in callers]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    whole = Timed()
    for block in blocks:
        whole.add(block)
    whole.elapsed = elapsed
    return whole


def _block(call: Call, calls: int, seconds: float) -> Timed:
    block = Timed()
    began = now = time.perf_counter()
    done = 0
    while done < MIN_CALLS or (done < calls and now - began < seconds):
        before = now
        try:
            call()
        except Exception:  # noqa: BLE001 - a call that fails is part of what is measured, and is reported
            block.failed += 1
            now = time.perf_counter()
        else:
            now = time.perf_counter()
            block.latencies.append(now - before)
        done += 1
    block.elapsed = now - began
    return block
