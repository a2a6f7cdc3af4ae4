"""A run's events as people see them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from cli.watching import show_events
from spiritsafe.distill.v1 import run_pb2

STAGE = "finetune_teacher"


def events() -> Iterator[run_pb2.RunEvent]:
    yield run_pb2.RunEvent(type="run_state", state=run_pb2.RUN_STATE_RUNNING)
    yield run_pb2.RunEvent(type="stage_started", stage=STAGE)
    yield run_pb2.RunEvent(type="log", stage=STAGE, message="3 rows: 2 fit, 1 split, 0 dropped")
    for step in range(40):
        yield run_pb2.RunEvent(
            type="progress",
            stage=STAGE,
            done=step,
            total=40,
            loss=4.0 - step / 10,
            eta_seconds=40 - step,
            create_time=Timestamp(seconds=1_000 + step),
        )
    yield run_pb2.RunEvent(type="stage_failed", stage=STAGE, message="out of memory [sic]")
    yield run_pb2.RunEvent(type="run_state", state=run_pb2.RUN_STATE_FAILED, message="resume it")


def shown(*, terminal: bool) -> str:
    text = io.StringIO()
    show_events(events(), Console(file=text, width=120, force_terminal=terminal, color_system=None))
    return text.getvalue()


def test_a_plain_console_gets_few_lines() -> None:
    assert shown(terminal=False).splitlines() == [
        "run running",
        f"{STAGE}: started",
        "3 rows: 2 fit, 1 split, 0 dropped",
        f"{STAGE} 0/40 loss 4.0000 ETA 40 s",
        f"{STAGE} 10/40 loss 3.0000 ETA 30 s",
        f"{STAGE} 20/40 loss 2.0000 ETA 20 s",
        f"{STAGE} 30/40 loss 1.0000 ETA 10 s",
        f"{STAGE}: failed  out of memory [sic]",
        "run failed  resume it",
    ]


@pytest.mark.parametrize("part", ["39/40", "loss 0.1000", "ETA 1 s", "out of memory [sic]", "run failed"])
def test_a_terminal_gets_bars_with_loss_and_eta(part: str) -> None:
    assert part in shown(terminal=True)
