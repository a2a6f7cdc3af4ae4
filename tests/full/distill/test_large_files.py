"""A file of 1 GB is converted and validated in constant memory, by the command itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from distill.trajectories.rows import write_lines
from tests.benchmarks.distill.formats import write_xlam

BYTES = 1_000_000_000
MOST_MEMORY_KB = 250_000


def peak_kb(*arguments: object) -> int:
    """Largest resident memory of the command, which must succeed."""
    command = [sys.executable, "-m", "cli.main", "data", *map(str, arguments)]
    child = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_maxrss


@pytest.mark.full
def test_a_gigabyte_takes_no_more_memory(tmp_path: Path) -> None:
    part, whole, target = tmp_path / "part.jsonl", tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    write_xlam(part, 5_000)
    chunk = part.read_bytes()
    write_lines(whole, (chunk for _ in range(BYTES // len(chunk) + 1)))
    assert whole.stat().st_size >= BYTES
    few = peak_kb("convert", part, target)
    assert peak_kb("convert", whole, target, "--force") < few + 20_000
    assert peak_kb("stats", whole) < MOST_MEMORY_KB
