"""TRL's trainer with steps of several forward passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from trl.trainer.sft_trainer import SFTTrainer

from distill.families.base import IGNORED

PARTS = "parts"


class PackTrainer(SFTTrainer):
    """Takes the parts of a step one after the other, so that memory is for the largest of them and not for the step.

    Each part's loss counts by its targets, so loss and gradient are those of the whole step at once. The trainer's own
    accumulation takes equally many batches in every step; these are as many as a step's packs need.
    """

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *_: Any, **__: Any) -> torch.Tensor:
        """One step on ``inputs["parts"]``, which ``collate`` made; the mean loss over all targets of the step."""
        parts = inputs[PARTS]
        targets = sum(int((part["labels"][:, 1:] != IGNORED).sum()) for part in parts)
        step: Callable[..., torch.Tensor] = super().training_step
        losses = [step(model, part, targets) for part in parts]
        return torch.stack(losses).sum()
