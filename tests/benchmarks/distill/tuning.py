"""Tuning a teacher beside plain TRL: tokens a second and peak memory, on the same rows, the same NF4 base and adapter.

    python -m tests.benchmarks.distill.tuning

Each training runs in a process of its own, in alternating rounds; the first step is not counted. Speed is in tokens of
the data's rows (one assistant turn with all that went before) per second of wall-clock time, whatever a side computes
for them. TRL is given the rows as ``{input_ids, labels}`` with ``packing=True`` and, as ``joined``, one row a
conversation with all of its turns as targets, which is right where a template shows history as it was written. Both
sides put equally many tokens through the model at once.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, TrainerCallback

from distill.families import family_named
from distill.families.base import Row
from distill.standins import checkpoint
from distill.training.overlong import fit_rows
from distill.training.packing import pack_rows
from distill.training.qlora import attach_lora, compute_dtype, load_nf4
from distill.training.sft import TrainProgress, TrainSpec, step_batches, train
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory

FAMILY = family_named("xlam")
SIDES = ("ours", "trl", "trl joined")
DATA = ("conversations", "single turns")


@dataclass(frozen=True, slots=True)
class Size:
    """What is trained: the base's shape, and how much data of how many tools and user turns.

    ``length`` is the longest row and how many tokens go through the model at once; ``batch`` are rows a step.
    """

    shape: dict[str, int]
    count: int
    tools: int
    turns: int
    length: int
    batch: int


CPU = Size(
    {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 4}, 24, 4, 3, 1536, 12
)
TINY = Size(
    {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2}, 4, 1, 2, 768, 4
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens of rows per second of wall-clock and of processor time, and the most memory, in MiB."""

    rate: float
    cpu_rate: float
    peak: float


def write_base(folder: Path, size: Size) -> None:
    """A Llama of that shape with random weights and the stand-in's tokenizer."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlam"))
    sizes = {"vocab_size": len(tokenizer), **size.shape}
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(LlamaConfig(**sizes, max_position_embeddings=16_384)).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # for the processes that train


def trajectories(data: str, size: Size) -> list[Trajectory]:
    """Conversations about the same tools, or as many rows of one turn, each with tools of its own."""
    if data == "conversations":
        return [_talk(number, 0, size.tools, size.turns) for number in range(size.count)]
    return [_talk(number, number, size.tools, 1) for number in range(size.count * size.turns)]


def _talk(number: int, toolbox: int, tools: int, turns: int) -> Trajectory:
    specs = tuple(_tool(toolbox, index) for index in range(tools))
    messages: list[Message] = []
    for turn in range(turns):
        call = ToolCall(specs[(number + turn) % tools].name, {"customer": f"C{number}-{turn}", "count": turn})
        messages += [
            Message("user", f"Please see to order {number * 37 % 1000} of customer C{number}-{turn}, item {turn}."),
            Message("assistant", tool_calls=(call,)),
            Message("tool", json.dumps({"status": "done", "reference": number * 91 % 9973}), name=call.name),
            Message("assistant", f"It is done: {number * 91 % 9973}."),
        ]
    return Trajectory(f"talk-{number}", specs, tuple(messages))


def _tool(toolbox: int, index: int) -> ToolSpec:
    properties: dict[str, Any] = {
        "customer": {"type": "string", "description": "Who it is for."},
        "count": {"type": "integer", "description": "How many times."},
    }
    schema = {"type": "object", "properties": properties, "required": ["customer"]}
    return ToolSpec(f"tool_{toolbox}_{index}", f"Sees to orders of kind {toolbox}, part {index}.", schema)


class Clock:
    """Counts from the end of the first step to the end of the last one."""

    def __init__(self) -> None:
        self._first: tuple[float, float, float] | None = None
        self._last = (0.0, 0.0, 0.0)

    def step(self, tokens: float) -> None:
        """A step has ended, by which so many tokens were learnt from since the start."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._last = (tokens, time.perf_counter(), time.process_time())
        self._first = self._first or self._last

    def measured(self) -> Measured:
        """What was counted, and the peak of this process so far."""
        assert self._first is not None
        tokens, wall, cpu = (last - first for last, first in zip(self._last, self._first, strict=True))
        return Measured(tokens / wall, tokens / cpu, _peak())


def _peak() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 2**10


def measure(side: str, data: str, base: Path, folder: Path, size: Size) -> Measured:
    """One training, here and now."""
    rows, _ = fit_rows(FAMILY, trajectories(data, size), AutoTokenizer.from_pretrained(base), size.length)
    spec = TrainSpec(
        base=str(base),
        output_dir=folder,
        epochs=2,
        batch_size=size.batch,
        learning_rate=2e-4,
        max_length=size.length,
        forward_tokens=size.length,
        save_every=1_000_000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if side == "ours":
            return _ours(spec, rows, trajectories(data, size))
        return _trl(spec, rows, joined(rows) if side == "trl joined" else rows)


def _ours(spec: TrainSpec, rows: Sequence[Row], data: Sequence[Trajectory]) -> Measured:
    steps = step_batches(pack_rows(rows, most_rows=spec.batch_size), spec)
    learnt = [sum(pack.positions[tail] + 1 for pack in step for tail in pack.tails) for step in steps]
    clock = Clock()

    def on_progress(progress: TrainProgress) -> None:
        clock.step(sum(learnt[: progress.step]))

    train(spec, FAMILY, data, on_progress)
    return clock.measured()


def joined(rows: Sequence[Row]) -> list[Row]:
    """One row for all turns of a conversation: those that continue each other."""
    packs = pack_rows(rows, most_tokens=1)
    made: list[Row] = []
    for row in sorted((Row(pack.input_ids, pack.labels) for pack in packs), key=lambda each: each.input_ids):
        if made and row.input_ids[: len(made[-1].input_ids)] == made[-1].input_ids:
            earlier = made.pop().labels
            made.append(Row(row.input_ids, (*earlier, *row.labels[len(earlier) :])))
        else:
            made.append(row)
    return made


def _trl(spec: TrainSpec, rows: Sequence[Row], given: Sequence[Row]) -> Measured:
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    on_gpu = torch.cuda.is_available()
    model = attach_lora(FAMILY, load_nf4(FAMILY, spec.base), spec.lora_rank, spec.lora_alpha, spec.seed)
    if not on_gpu:
        model.set_attn_implementation("sdpa")  # what a plain trainer has
    total, each = (sum(len(row.input_ids) for row in some) for some in (rows, given))
    clock = Clock()

    class Watch(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            clock.step(trainer._total_train_tokens * total / each)

    blocks = max(1, each // spec.max_length)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(spec.output_dir),
            num_train_epochs=spec.epochs,
            per_device_train_batch_size=1,
            # So that a step has as many rows as ours.
            gradient_accumulation_steps=max(1, round(blocks * spec.batch_size / len(rows))),
            learning_rate=spec.learning_rate,
            packing=True,
            max_length=spec.max_length,
            bf16=compute_dtype() is torch.bfloat16,
            use_cpu=not on_gpu,
            gradient_checkpointing=on_gpu,
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            report_to=[],
            dataloader_pin_memory=on_gpu,
        ),
        train_dataset=Dataset.from_list(
            [{"input_ids": list(row.input_ids), "labels": list(row.labels)} for row in given]
        ),
        processing_class=AutoTokenizer.from_pretrained(spec.base),
        callbacks=[Watch()],
    )
    trainer.train()
    return clock.measured()


def in_process(side: str, data: str, base: Path, size: Size) -> Measured:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.distill.tuning", "--side", side, "--data", data]
        command += ["--base", str(base), "--folder", folder, "--size", json.dumps(asdict(size))]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{side} on {data} failed: {done.stderr[-2000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


Found = dict[tuple[str, str], list[Measured]]


def compare(size: Size, rounds: int, data: Sequence[str] = DATA, until: float = math.inf) -> Found:
    """All sides on each data, in alternating rounds; none begins after ``until``, of the monotonic clock."""
    found: Found = {}
    with tempfile.TemporaryDirectory() as name:
        write_base(Path(name), size)
        for _, one, side in product(range(rounds), data, SIDES):
            if time.monotonic() < until:
                found.setdefault((one, side), []).append(in_process(side, one, Path(name), size))
    return found


def table(title: str, found: Found) -> Table:
    """One line a side, with its ratio to ours: above 1 in tokens we are faster, below 1 in memory we take less."""
    made = Table("data", "side", "row tokens/s", "per CPU s", "peak MiB", "tokens ratio", "memory ratio", title=title)
    for (data, side), runs in found.items():
        rate, cpu, peak = _median(runs)
        ours = _median(found[data, "ours"])
        ratios = ("", "") if side == "ours" else (f"{ours[0] / rate:.2f}", f"{ours[2] / peak:.2f}")
        made.add_row(data, side, f"{rate:,.0f}", f"{cpu:,.0f}", f"{peak:,.0f}", *ratios)
    return made


def _median(runs: Sequence[Measured]) -> tuple[float, float, float]:
    columns = ([getattr(run, name) for run in runs] for name in ("rate", "cpu_rate", "peak"))
    return cast("tuple[float, float, float]", tuple(map(statistics.median, columns)))


def main(given: Sequence[str] | None = None) -> None:
    """Prints the table; or, as one of its processes, what one training measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.distill.tuning")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="shows that it works; the figures mean nothing")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--data", choices=DATA, help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.side:
        size = Size(**options.size)
        found = measure(options.side, options.data, options.base, options.folder, size)
        sys.stdout.write(json.dumps(asdict(found)) + "\n")
        return
    size = TINY if options.tiny else CPU
    Console(width=120).print(table("Tuning a teacher beside plain TRL", compare(size, options.rounds)))


if __name__ == "__main__":
    main()
