"""One model in several processes, for CPUs: there a small model keeps one core busy and the others waiting."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

import torch

from distill.errors import ReplicaLost
from distill.inference.generate import Ids, LoadedModel, Write, write_batch, write_batches
from distill.lifetime import die_with_parent

# More would mostly wait for the process that hands out the batches.
_MOST = 8
_replica: LoadedModel | None = None


@contextmanager
def replicas(loaded: LoadedModel, count: int | None = None) -> Iterator[Write]:
    """Copies of ``loaded`` at work side by side within the context; what they write does not depend on their number.

    Args:
        loaded: the model, in a process whose torch has one thread: more would not survive being copied.
        count: processes. Unless told, one for each core, up to 8, where torch has one thread; else one in all.

    Raises:
        ReplicaLost: while writing, when a process died.
    """
    number = _room(loaded) if count is None else count
    if number <= 1:
        yield partial(write_batches, loaded)
        return
    # Forked, so that all share one copy of the weights and load nothing again.
    context = get_context("fork")
    with ProcessPoolExecutor(number, context, initializer=_begin, initargs=(loaded, os.getpid())) as pool:
        yield partial(_write, pool)


def _room(loaded: LoadedModel) -> int:
    alone = loaded.model.device.type != "cpu" or torch.get_num_threads() > 1
    return 1 if alone else min(len(os.sched_getaffinity(0)), _MOST)


def _begin(loaded: LoadedModel, parent: int) -> None:
    global _replica  # noqa: PLW0603 - what a pool's process works with has no other place
    die_with_parent(parent)
    _replica = loaded


def _write(pool: ProcessPoolExecutor, batches: Sequence[Sequence[Ids]], max_new_tokens: int) -> Iterable[list[Ids]]:
    try:
        yield from pool.map(partial(_write_here, max_new_tokens=max_new_tokens), batches)
    except BrokenProcessPool as error:
        raise ReplicaLost from error


def _write_here(rows: Sequence[Ids], max_new_tokens: int) -> list[Ids]:
    assert _replica is not None, "_begin has run"
    return write_batch(_replica, rows, max_new_tokens)
