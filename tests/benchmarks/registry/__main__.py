"""``python -m tests.benchmarks.registry``: how fast the registry answers, beside MLflow where that offers the same."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks.registry import artifacts, ceiling, comparison, lineage, ours, scaling, theirs
from tests.benchmarks.registry.places import POSTGRESQL, SQLITE, Places, places
from tests.benchmarks.registry.processes import cores, load_core
from tests.benchmarks.registry.results import Comparison, Figure, comparison_table, figure_table
from tests.benchmarks.registry.sizes import FULL, QUICK, Sizes

PARTS = ("comparison", "ceiling", "lineage", "artifacts", "scaling")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.registry", description=__doc__.split(": ")[1])
    parser.add_argument(
        "--database", choices=(SQLITE, POSTGRESQL), default=SQLITE, help="on which both keep their rows"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: shows that it works, the figures mean nothing"
    )
    parser.add_argument("--no-mlflow", action="store_true", help="measure this registry alone")
    parser.add_argument("--part", choices=PARTS, action="append", help="one part only; may be repeated")
    parser.add_argument("--artifact-mib", type=int, help="size of the file that goes up and down")
    parser.add_argument("--folder", type=Path, help="where the databases are written: 4 GB for the full sizes")
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    return parser.parse_args(given)


def measure(options: argparse.Namespace) -> tuple[list[Comparison], dict[str, list[Figure]]]:
    """The rows of the comparison, and the figures of the other parts by their name."""
    sizes, parts = sizes_of(options), options.part or PARTS
    rows: list[Comparison] = []
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name, load_core():
        folder = Path(name)
        with places(options.database, folder, cores()[0]) as kept:
            if {"comparison", "ceiling"} & set(parts):
                with ours.filled(folder, kept, sizes) as registry:
                    if "comparison" in parts:
                        rows = _compare(folder, kept, sizes, registry, with_mlflow=not options.no_mlflow)
                    if "ceiling" in parts:
                        figures["ceiling"] = ceiling.measure(registry, sizes)
            if "lineage" in parts:
                figures["lineage"] = lineage.measure(folder, kept, sizes)
            if "artifacts" in parts:
                figures["artifacts"] = artifacts.measure(folder, kept, sizes)
            if "scaling" in parts:
                figures["scaling"] = scaling.measure(folder, kept, sizes)
    return rows, figures


def _compare(
    folder: Path, kept: Places, sizes: Sizes, registry: ours.Registry, *, with_mlflow: bool
) -> list[Comparison]:
    if not with_mlflow:
        return comparison.compare(registry, None, sizes)
    with theirs.filled(folder, kept, sizes) as mlflow:
        return comparison.compare(registry, mlflow, sizes)


def sizes_of(options: argparse.Namespace) -> Sizes:
    """The sizes asked for."""
    sizes = QUICK if options.quick else FULL
    if options.artifact_mib:
        sizes = Sizes(**(asdict(sizes) | {"artifact_bytes": options.artifact_mib << 20}))
    return sizes


def hardware() -> str:
    """Processor, cores and memory of this machine."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.release()}"


def described(options: argparse.Namespace) -> dict[str, Any]:
    """What was run, when, and on what."""
    return {
        "command": shlex.join(["python", "-m", "tests.benchmarks.registry", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": hardware(),
        "python": platform.python_version(),
        "database": options.database,
        "mlflow": None if options.no_mlflow else theirs.VERSION,
        "server_core_shared_with_load": cores()[0] == cores()[1],
        "sizes": asdict(sizes_of(options)),
    }


def show(about: dict[str, Any], rows: list[Comparison], figures: dict[str, list[Figure]]) -> None:
    """Prints the tables."""
    console = Console(width=150)
    console.print(f"{about['command']}\n{about['date']}, {about['hardware']}, {about['database']}")
    if about["server_core_shared_with_load"]:
        console.print("One core only: servers and load share it, so the figures say little.")
    if rows:
        other = f"MLflow {theirs.VERSION}" if about["mlflow"] else "MLflow, which was left out"
        console.print(comparison_table(rows, f"Registry beside {other}; milliseconds, calls per second"))
    for part, found in figures.items():
        console.print(figure_table(found, part.capitalize()))


def main(given: Sequence[str] | None = None) -> None:
    """Measures, prints, and writes the JSON that was asked for."""
    options = arguments(sys.argv[1:] if given is None else given)
    about = described(options)
    rows, figures = measure(options)
    show(about, rows, figures)
    if options.json:
        parts = {name: [each.to_json() for each in found] for name, found in figures.items()}
        document = about | {"comparison": [row.to_json() for row in rows]} | parts
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
