"""A run's events as progress bars, or as lines where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.output import enum_label, notices
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import DeadlineExceeded, Unavailable

Attended = Callable[[], bool]
"""Whether anybody can still execute the run."""
POLL_SECONDS = 15.0
LINE_SECONDS = 10


def watch(client: Client, name: str, attended: Attended, console: Console | None = None) -> run_pb2.Run:
    """Shows the run until it ends, on standard error unless told, and gives its final state.

    Raises Unavailable when the run goes on and nobody is left to execute it.
    """
    show_events(_events(client, name, attended), console or notices())
    return client.runs.GetRun(run_pb2.GetRunRequest(name=name)).run


def show_events(events: Iterable[run_pb2.RunEvent], console: Console) -> None:
    """Shows a run's events as they come."""
    with _view(console) as view:
        for event in events:
            view.show(event)


def _events(client: Client, name: str, attended: Attended) -> Iterator[run_pb2.RunEvent]:
    after = 0
    while True:
        request = run_pb2.WatchRunRequest(name=name, after_sequence=after)
        served = attended()
        try:
            for response in client.runs.WatchRun(request, timeout=POLL_SECONDS):
                after = response.event.sequence
                yield response.event
        except DeadlineExceeded as error:
            if served or attended():
                continue
            raise Unavailable(
                f"{name} waits, and no worker serves this home any more",
                reason="NO_WORKER",
                remedy=f"see worker.log in the home, then `spiritsafe distill resume {name.removeprefix('runs/')}`",
            ) from error
        else:
            return


@contextmanager
def _view(console: Console) -> Iterator[_View]:
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[eta]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _View(console, progress)


class _View:
    """One bar per stage; on a plain console a line for each change of a stage, and one now and then in between."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._last_line = 0

    def show(self, event: run_pb2.RunEvent) -> None:
        if event.type == "progress":
            self._advance(event)
        elif event.type in ("stage_started", "stage_succeeded", "stage_failed"):
            self._change(event)
        elif event.type == "run_state":
            state = enum_label(run_pb2.RunState.DESCRIPTOR, event.state)
            self._console.print(f"run {state}  {escape(event.message)}".rstrip())
        elif event.message:
            self._console.print(escape(event.message), style="dim")

    def _task(self, stage: str) -> TaskID:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=None, loss="", eta="")
        return self._tasks[stage]

    def _advance(self, event: run_pb2.RunEvent) -> None:
        loss = f"loss {event.loss:.4f}" if event.HasField("loss") else ""
        eta = f"ETA {event.eta_seconds:.0f} s" if event.HasField("eta_seconds") else ""
        task = self._task(event.stage)
        self._progress.update(task, completed=event.done, total=event.total or None, loss=loss, eta=eta)
        if not self._console.is_terminal and event.create_time.seconds >= self._last_line + LINE_SECONDS:
            self._last_line = event.create_time.seconds
            self._console.print(" ".join(filter(None, (event.stage, f"{event.done}/{event.total}", loss, eta))))

    def _change(self, event: run_pb2.RunEvent) -> None:
        task = self._task(event.stage)
        if event.type == "stage_succeeded":
            total = self._progress.tasks[task].total or 1
            self._progress.update(task, completed=total, total=total, eta="")
        if not self._console.is_terminal or event.type == "stage_failed":
            word = event.type.removeprefix("stage_")
            self._console.print(f"{event.stage}: {word}  {escape(event.message)}".rstrip())
