"""Help is fast and light: the point of loading commands lazily."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

import pytest

from cli.main import COMMANDS

HELP_SECONDS = 0.3
HEAVY = ("torch", "transformers", "dbos", "boto3", "sqlmodel", "sqlalchemy", "grpc", "google.protobuf")
SHOW_MODULES = """
import sys
from cli.main import main
try:
    main(["--help"])
except SystemExit as ended:
    assert not ended.code
print("\\n".join(sys.modules), file=sys.stderr)
"""


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW_MODULES], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "cli.main" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    assert {name for name in loaded if name.startswith("cli.")} == {"cli.main", "cli.home", "cli.lazy"}
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_help_answers_at_once() -> None:
    command = [sys.executable, "-m", "cli.main", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < HELP_SECONDS


def leaves(name: str, command: Any) -> list[tuple[str, Any]]:
    """The commands behind one entry of the table, through groups inside of groups."""
    inner = getattr(command, "commands", None)
    if not inner:
        return [(name, command)]
    return [leaf for key, one in inner.items() for leaf in leaves(f"{name} {key}", one)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_a_format(name: str) -> None:
    for path, command in leaves(name, COMMANDS[name].load()):
        assert f"Example: spiritsafe {path}" in (command.help or ""), path
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--format" in options, path
