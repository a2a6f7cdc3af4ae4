"""Run as a script: ``crowd.py HOME COUNT MUTATIONS`` opens one home in COUNT processes at once.

Each process creates MUTATIONS models over a server of its own, as the embedded command does. The processes are forked
before anything of gRPC is loaded, which cannot be forked later, and start together.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from contextlib import ExitStack
from multiprocessing.synchronize import Barrier
from pathlib import Path

from registry.home import open_home


def work(home: Path, number: int, mutations: int, start: Barrier) -> None:
    """One process of the crowd."""
    start.wait()
    registry = open_home(home)
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        if mutations:
            from spiritsafe.registry.v1 import model_pb2
            from tests.registry.serving import serve

            folder = stack.enter_context(tempfile.TemporaryDirectory())
            client = serve(home, registry, f"unix:{folder}/socket", stack).admin
            for step in range(mutations):
                client.models.CreateModel(
                    model_pb2.CreateModelRequest(parent="namespaces/default", model_id=f"m{number}-{step}")
                )


def main(home: Path, count: int, mutations: int) -> int:
    """The number of processes that failed."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(count)
    crowd = [context.Process(target=work, args=(home, number, mutations, start)) for number in range(count)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    return sum(process.exitcode != 0 for process in crowd)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
