"""Supervised fine-tuning of a LoRA adapter on an NF4 base, with TRL's trainer and rows rendered by the family."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    PretrainedConfig,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from distill.families.base import WINDOW_EVERYWHERE, Family, Row
from distill.training import checkpoints
from distill.training.overlong import Lengths, Overlong, fit_rows
from distill.training.packing import Pack, batches, collate, pack_rows, parts
from distill.training.qlora import attach_lora, compute_dtype, load_nf4
from distill.trajectories.types import Trajectory

ADAPTER_FOLDER = "adapter"
_STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """One training. The defaults suit the stand-ins.

    Attributes:
        base: local folder or hub repository id of the base model.
        output_dir: where checkpoints and, in the end, the folder ``adapter`` are written.
        max_length: the longest row in tokens.
        overlong: what becomes of a longer one.
        learning_rate: peak; linear warm-up over a tenth of the steps, then cosine decay to zero.
        save_every: steps between checkpoints.
        forward_tokens: how many tokens go through the model at once, padding included, unless a single pack has more:
            with it memory does not grow with ``batch_size``.
    """

    base: str
    output_dir: Path
    revision: str | None = None
    epochs: float = 2.0
    batch_size: int = 16
    learning_rate: float = 5e-3
    lora_rank: int = 16
    lora_alpha: int = 32
    max_length: int = 1024
    overlong: Overlong = "fail"
    save_every: int = 50
    forward_tokens: int = 4096
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """State after one step. ``loss`` in nats per target token, ``eta_seconds`` until the last step."""

    step: int
    total: int
    loss: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training left: the adapter as safetensors, and how it went. ``resumed_from`` is 0 for a fresh start."""

    adapter: Path
    rows: int
    lengths: Lengths
    steps: int
    final_loss: float
    seconds: float
    resumed_from: int


def train(
    spec: TrainSpec,
    family: Family,
    trajectories: Sequence[Trajectory],
    on_progress: Callable[[TrainProgress], None] = lambda _: None,
    on_rows: Callable[[Lengths], None] = lambda _: None,
) -> TrainResult:
    """Train an adapter, or go on from the newest whole checkpoint of the same training in ``spec.output_dir``.

    The checkpoints stay, for whoever loses the adapter before it is safe. ``on_rows`` learns what became of the rows
    before the first step.

    Raises:
        RowError: a trajectory cannot become a row (too long where ``overlong`` is ``fail``, nothing to learn).
        ValueError: there is nothing to train on, the tokenizer does not belong to the family, or a row is longer than
            the sliding window that some of the model's layers have.
    """
    from distill.training.trainer import PARTS, PackTrainer

    started = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(spec.base, revision=spec.revision)
    pad = family.stop_ids(tokenizer)[0]
    rows, lengths = fit_rows(family, trajectories, tokenizer, spec.max_length, spec.overlong)
    on_rows(lengths)
    check_any(rows, lengths)
    training = checkpoints.fingerprint(_settings(spec), rows)
    resume = checkpoints.latest(spec.output_dir, training)
    model = attach_lora(family, load_nf4(family, spec.base, spec.revision), spec.lora_rank, spec.lora_alpha, spec.seed)
    window = mask_window(model.config, rows)
    steps = step_batches(pack_rows(rows, most_rows=spec.batch_size), spec)
    watcher = _Watcher(training, on_progress)

    def tensors(packs: Sequence[Pack]) -> list[dict[str, torch.Tensor]]:
        return [collate(part, pad, window=window) for part in parts(packs, spec.forward_tokens)]

    with warnings.catch_warnings():
        # TRL's own default sets the option by the name that transformers deprecates.
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
        trainer = PackTrainer(
            model=model,
            args=_arguments(spec, len(steps)),
            train_dataset=_dataset(len(steps)),
            data_collator=lambda chosen: {PARTS: tensors(steps[chosen[0][_STEP]])},
            processing_class=tokenizer,
            callbacks=[watcher],
        )
        # TRL casts the adapter of a 4-bit model to bfloat16, whose 8 bits lose small updates.
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    adapter = _save_adapter(trainer, spec.output_dir)
    resumed_from = int(resume.name.rpartition("-")[2]) if resume else 0
    state: TrainerState = trainer.state
    return TrainResult(
        adapter, len(rows), lengths, state.global_step, _last_loss(state), time.monotonic() - started, resumed_from
    )


def check_any(rows: Sequence[Row], lengths: Lengths) -> None:
    """Refuse a training on nothing.

    Raises:
        ValueError: there are no rows, or all were dropped.
    """
    if not rows and lengths.dropped:
        raise ValueError(f"every row is too long ({lengths}); raise max_length or shorten the trajectories")
    if not rows:
        raise ValueError("no trajectories to train on; check that the roll-out verified any")


def mask_window(config: PretrainedConfig, rows: Sequence[Row]) -> int | None:
    """The sliding window that the mask of a pack must keep to; None where no row reaches beyond it, or there is none.

    A pack brings a mask of its own, which transformers takes for all layers alike.

    Raises:
        ValueError: a row is longer than the window, and only some of the layers have it.
    """
    text = config.get_text_config()
    window: int | None = getattr(text, "sliding_window", None)
    longest = max(len(row.input_ids) for row in rows)
    if window is None or longest <= window:
        return None
    if text.model_type in WINDOW_EVERYWHERE:
        return window
    raise ValueError(
        f"a row has {longest} tokens, more than the sliding window of {window} that some of the model's layers have, "
        "which packed rows cannot keep to; lower max_length with overlong = split, or choose another base"
    )


def step_batches(packs: Sequence[Pack], spec: TrainSpec) -> list[list[Pack]]:
    """What each optimiser step learns from, over all epochs; an epoch is made anew, in another order."""
    first = list(batches(packs, spec.batch_size, spec.seed))
    later = (batches(packs, spec.batch_size, spec.seed + epoch) for epoch in count(1))
    steps = max(1, math.ceil(len(first) * spec.epochs))
    return list(islice(chain(first, chain.from_iterable(later)), steps))


def _settings(spec: TrainSpec) -> dict[str, Any]:
    portable = replace(spec, output_dir=Path())
    return {name: str(getattr(portable, name)) for name in TrainSpec.__slots__}


def _dataset(steps: int) -> Any:
    """The trainer's data: numbers of steps, because what a step holds is decided already."""
    from datasets import Dataset

    return Dataset.from_dict({_STEP: list(range(steps))})


def _arguments(spec: TrainSpec, steps: int) -> Any:
    from trl.trainer.sft_config import SFTConfig

    on_gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(spec.output_dir),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=spec.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 10),
        seed=spec.seed,
        max_length=None,  # our rows are already checked; TRL's own limit would truncate silently
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        # Balancing the load of experts is for who trains the router. Counted over packs it would be another loss.
        router_aux_loss_coef=0.0,
        train_sampling_strategy="sequential",
        bf16=compute_dtype() is torch.bfloat16,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu,
        save_steps=spec.save_every,
        save_total_limit=2,  # the newest may be half-written when a kill comes
        logging_steps=1,
        disable_tqdm=True,
        report_to=[],
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
    )


class _Watcher(TrainerCallback):
    """Reports progress, and marks checkpoints as whole once the trainer has written everything."""

    def __init__(self, training: str, on_progress: Callable[[TrainProgress], None]) -> None:
        self.training = training
        self.on_progress = on_progress
        self._first_step = 0
        self._started = time.monotonic()

    # The trainer passes its arguments by these names.
    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002 - as above
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002 - as above
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> None:
        self._first_step, self._started = state.global_step, time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002 - as above
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002 - as above
        **kwargs: Any,
    ) -> None:
        logs = kwargs.get("logs") or {}
        if "loss" not in logs:
            return
        pace = (time.monotonic() - self._started) / max(1, state.global_step - self._first_step)
        self.on_progress(
            TrainProgress(
                state.global_step, state.max_steps, float(logs["loss"]), pace * (state.max_steps - state.global_step)
            )
        )

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002 - as above
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> None:
        checkpoint = Path(args.output_dir or "") / f"checkpoint-{state.global_step}"
        checkpoints.mark_complete(checkpoint, self.training)


def _last_loss(state: TrainerState) -> float:
    # The log goes on from the checkpoint's, so it is there even where nothing was left to train.
    return next(float(entry["loss"]) for entry in reversed(state.log_history) if "loss" in entry)


def _save_adapter(trainer: Any, output_dir: Path) -> Path:
    """Write the adapter under a temporary name first, so that the final folder is always whole."""
    partial, adapter = output_dir / f".{ADAPTER_FOLDER}", output_dir / ADAPTER_FOLDER
    for config in trainer.model.peft_config.values():
        # PEFT keeps a set, which every process would write in an order of its own.
        config.target_modules = sorted(config.target_modules)
    trainer.model.save_pretrained(str(partial), safe_serialization=True)
    partial.replace(adapter)
    return adapter
