"""Pages of the guide as shell sessions: every ``sh`` block runs, and a ``text`` block after it is what it prints.

In a ``text`` block ``…`` stands for what differs from run to run or is left out, a line of it alone for any number of
lines, and a space for any number of them: the columns of tables are as wide as what they hold.
Blocks in other languages (``json``, ``python``, and ``console`` for what needs more than a registry) are not run.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_ELLIPSIS = "…"
_END_OF_BLOCK = "-- end of block --"
TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, the line that they start at, and what the page says that they print, if it says so."""

    line: int
    commands: str
    shown: str | None


def parse(page: str) -> list[Block]:
    """The blocks that run, in order. Raises ValueError for shown output that follows no commands."""
    blocks: list[Block] = []
    end = -1
    for fence in _FENCE.finditer(page):
        follows = end >= 0 and not page[end : fence.start()].strip()
        end = -1
        if fence["language"] == "sh":
            blocks.append(Block(page.count("\n", 0, fence.start("body")) + 1, fence["body"], None))
            end = fence.end()
        elif fence["language"] in ("text", ""):
            if not follows:
                raise ValueError(f"this output follows no commands: {fence['body']}")
            blocks[-1] = Block(blocks[-1].line, blocks[-1].commands, fence["body"])
    return blocks


def run(blocks: Sequence[Block], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Runs blocks in one shell in ``folder`` and gives what each printed.

    Raises AssertionError where a command fails, with the line of its block and what that printed.
    """
    marked = (f"{block.commands}\necho; echo '{_END_OF_BLOCK}'\n" for block in blocks)
    script = "set -euo pipefail\n" + "".join(marked)
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    *printed, rest = ended.stdout.split(f"\n{_END_OF_BLOCK}\n")
    assert ended.returncode == 0, f"line {blocks[len(printed)].line}: exit code {ended.returncode}\n{rest}"
    return printed


def shows(shown: str, printed: str) -> bool:
    """Whether a page's output is what was printed, but for what ``…`` stands for and the number of spaces."""
    pattern = "".join(_line_pattern(line) for line in _lines(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def _line_pattern(line: str) -> str:
    if line == _ELLIPSIS:
        return r"(?:.*\n)*"
    return ".*".join(re.escape(part) for part in line.split(_ELLIPSIS)) + r"\n"
