"""A user's environment that does, on call, all that an environment should not do. Tests run it in the sandbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from distill.environments.base import ToolError, ToolOutcome, ToolSuccess
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

_OBJECT: dict[str, JsonValue] = {"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]}


class Unruly:
    """Adds numbers, among other things; its state are those that were added."""

    def __init__(self) -> None:
        self.added: list[JsonValue] = []

    def reset(self, seed: int) -> None:
        self.added = [seed]

    def tools(self) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name.removeprefix("do_"), "", _OBJECT) for name in dir(self) if name.startswith("do_"))

    def call(self, call: ToolCall) -> ToolOutcome:
        outcome: ToolOutcome = getattr(self, f"do_{call.name}")(call.arguments["value"])
        return outcome

    def state(self) -> dict[str, JsonValue]:
        return {"added": [*self.added]}

    def do_add(self, value: int) -> ToolOutcome:
        if value < 0:
            return ToolError("limit_exceeded", "no negative numbers")
        self.added.append(value)
        return ToolSuccess({"count": len(self.added)})

    def do_hang(self, value: int) -> ToolOutcome:
        time.sleep(value)
        return ToolSuccess(value)

    def do_hang_deaf(self, value: int) -> ToolOutcome:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return self.do_hang(value)

    def do_compute(self, value: int) -> ToolOutcome:
        end = time.monotonic() + value
        while time.monotonic() < end:
            pass
        return ToolSuccess(value)

    def do_exit(self, value: int) -> ToolOutcome:
        sys.exit(value)

    def do_die(self, value: int) -> ToolOutcome:
        os.write(2, b"last words\n")
        os._exit(value)

    def do_fork(self, value: int) -> ToolOutcome:
        """A bounded bomb of programs that leave the session of their parent."""
        for _ in range(value):
            subprocess.Popen(["sleep", "300.25"], start_new_session=True)
        time.sleep(60)
        return ToolSuccess(value)

    def do_orphan(self, value: int) -> ToolOutcome:
        """One program whose parent is gone at once."""
        subprocess.run(["sh", "-c", "sleep 300.25 > /dev/null &"], check=True)
        return ToolSuccess(value)

    def do_print(self, value: int) -> ToolOutcome:
        for _ in range(value):
            sys.stdout.write("x" * (1 << 20))
        return ToolSuccess(value)

    def do_answer(self, value: int) -> ToolOutcome:
        return ToolSuccess("x" * value)

    def do_hog(self, value: int) -> ToolOutcome:
        return ToolSuccess(len(bytearray(value)))

    def do_hog_elsewhere(self, value: int) -> ToolOutcome:
        """Memory of three programs, each of which stays below what a process may have."""
        program = f"import time; held = b'x' * {value}; time.sleep(60)"
        running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
        return ToolSuccess([one.wait() for one in running])

    def do_connect(self, value: int) -> ToolOutcome:
        with socket.create_connection(("127.0.0.1", value), timeout=5):
            return ToolSuccess("connected")

    def do_raise(self, value: int) -> ToolOutcome:
        raise LookupError(f"no {value}")

    def do_nonsense(self, value: int) -> ToolOutcome:
        return value  # type: ignore[return-value]  # that is the point

    def do_look_around(self, value: int) -> ToolOutcome:
        return ToolSuccess({"variables": sorted(os.environ), "read": os.read(0, 10).decode()})


def create() -> Unruly:
    return Unruly()
