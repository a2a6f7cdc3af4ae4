"""Conversion between formats, validation and statistics of 60,000 rows like those of xlam-function-calling-60k.

Rows are made up, with the sizes of the dataset's: on average 1.5 KB, 2.2 of 3,673 tools, 1.6 calls. Each
command runs once in this process, reading a file and writing one, as the command line does. Processor time is given
beside the time that passed, since other work on the machine delays only the latter.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.table import Table

from distill.trajectories.conversion import Conversion, Tally, convert
from distill.trajectories.formats.table import FORMATS
from distill.trajectories.reading import open_rows, trajectories
from distill.trajectories.rows import write_lines, write_rows
from distill.trajectories.statistics import statistics_of
from distill.trajectories.types import JsonValue
from distill.trajectories.validation import validate_rows

ROWS = 60_000
TOOLS = 3_673
GOAL_SECONDS = 10.0
_WORDS = (
    *("weather", "city", "order", "ticket", "price", "user", "date", "route", "stock", "search"),
    *("game", "music", "hotel", "flight", "score", "list"),
)
_TYPES = ("str", "int", "float", "bool", "str, optional", "List[int]", "Dict[str, float]", "List[List[float]]")
_VALUES: dict[str, JsonValue] = {
    "str": "Zurich, 8001",
    "int": 42,
    "float": 3.5,
    "bool": True,
    "List[int]": [1, 2, 3],
    "Dict[str, float]": {"a": 1.5, "b": 2},
    "List[List[float]]": [[1.0, 2.5], [3.0, 4.0]],
}


def xlam_row(number: int, rng: random.Random) -> dict[str, JsonValue]:
    """A made-up row with this id."""
    tools = rng.sample(_tools(), rng.choice((1, 1, 2, 3, 4)))
    calls = [_call(rng.choice(tools), rng) for _ in range(rng.choice((0, 1, 1, 2, 4)))]
    return {
        "id": number,
        "query": " ".join(rng.choices(_WORDS, k=30)) + "?",
        "answers": json.dumps(calls),
        "tools": json.dumps(tools),
    }


@cache
def _tools() -> list[dict[str, JsonValue]]:
    rng = random.Random(TOOLS)
    return [_tool(rng, index) for index in range(TOOLS)]


def _tool(rng: random.Random, index: int) -> dict[str, JsonValue]:
    parameters: dict[str, JsonValue] = {}
    for name in rng.sample(_WORDS, rng.randint(1, 3)):
        parameters[name] = {"description": " ".join(rng.choices(_WORDS, k=14)), "type": rng.choice(_TYPES)}
    if rng.random() < 0.3:
        parameters["page"] = {"description": "The page.", "type": "int, optional", "default": 1}
    return {
        "name": "_".join([*rng.sample(_WORDS, 2), str(index)]),
        "description": " ".join(rng.choices(_WORDS, k=16)),
        "parameters": parameters,
    }


def _call(tool: dict[str, JsonValue], rng: random.Random) -> dict[str, JsonValue]:
    parameters = tool["parameters"]
    assert isinstance(parameters, dict)
    arguments: dict[str, JsonValue] = {}
    for name, parameter in parameters.items():
        assert isinstance(parameter, dict)
        kind = str(parameter["type"]).removesuffix(", optional")
        arguments[name] = _VALUES[kind]
    return {"name": tool["name"], "arguments": arguments}


def write_xlam(path: Path, rows: int, seed: int = 7) -> None:
    """A file of made-up rows, one a line."""
    rng = random.Random(seed)
    write_rows(path, (xlam_row(number, rng) for number in range(rows)))


def converted(source: Path, target: Path, name: str) -> None:
    """Convert one file to the named format."""
    write_lines(target, convert(open_rows(source), Conversion(FORMATS[name]), Tally()))


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that passed, and of processor time."""
    passed, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - passed, time.process_time() - worked


def table(folder: Path, rows: int) -> Table:
    """Makes the data and measures."""
    lines, canonical = folder / "xlam.jsonl", folder / "canonical.jsonl"
    write_xlam(lines, rows)
    size = lines.stat().st_size
    found = Table("what", "s", "cpu s", "rows/s", "MB/s", title=f"{rows:,} rows, {size / 1e6:.0f} MB of xlam-60k")

    def add(what: str, work: Callable[[], object]) -> None:
        passed, worked = measured(work)
        figures = (f"{passed:.2f}", f"{worked:.2f}", f"{rows / worked:,.0f}", f"{size / 1e6 / worked:.1f}")
        found.add_row(what, *figures)

    add("xlam-60k to canonical", lambda: converted(lines, canonical, "canonical"))
    for name in ("huggingface", "openai", "ertas", "apigen-mt", "xlam-60k"):
        add(f"canonical to {name}", lambda name=name: converted(canonical, folder / name, name))
    add("xlam-60k to xlam-60k", lambda: converted(lines, folder / "again.jsonl", "xlam-60k"))
    add("validate", lambda: _validated(canonical))
    add("statistics", lambda: statistics_of(trajectories(open_rows(canonical))))
    return found


def _validated(path: Path) -> None:
    reading = open_rows(path)
    report = validate_rows(reading.form, path.name, reading.rows)
    assert not report.problems, report.problems[:3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="how many rows are made up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        console = Console(width=100)
        console.print(table(Path(folder), arguments.rows))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"goal: {ROWS:,} rows converted within {GOAL_SECONDS:.0f} s; peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
