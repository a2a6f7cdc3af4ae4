"""The family seam: everything that differs between model families, and what follows from it alike for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.trajectories.calls import ParseOutcome
from distill.trajectories.types import Message, ToolSpec, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that adds nothing to the loss (PyTorch's ``ignore_index``)."""


class RowError(ValueError):
    """A trajectory that cannot become a training row. Never truncated or dropped silently."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads before it writes one assistant turn."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One training row. ``labels`` equals ``input_ids`` where the assistant writes and ``IGNORED`` elsewhere."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


class Family(ABC):
    """One model family. Stateless: tokenizer and model are passed in."""

    name: str
    architectures: frozenset[str]
    """Class names in a config's ``architectures`` that this family accepts."""
    stop_tokens: tuple[str, ...]
    """Tokens that end an assistant turn; the first one is what training teaches."""
    lora_projections: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    @abstractmethod
    def prompt(self, prompt: Prompt) -> str:
        """Render the text up to the point where the assistant starts to write, as the serving template does."""

    @abstractmethod
    def target(self, turn: Message) -> str:
        """Render what the assistant must write in ``turn``, its stop token included."""

    @abstractmethod
    def parse(self, text: str) -> ParseOutcome:
        """Read one raw assistant turn by the rules of the family's serving parser."""

    def rows(self, trajectory: Trajectory, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Iterator[Row]:
        """Render one training row per assistant turn, exactly as that turn is prompted and written in serving.

        One row a turn, because serving templates rewrite history (Qwen 3 drops the thinking block of earlier turns):
        a single row over all turns would train text that no server ever shows. Prompt and target are tokenised apart,
        so the prompt's ids are always a prefix of the row.

        Raises:
            RowError: a row is longer than ``max_length`` tokens, or holds nothing to learn.
        """
        turns = [index for index, message in enumerate(trajectory.messages) if message.role == "assistant"]
        if not turns:
            raise RowError(f"trajectory {trajectory.id!r} has no assistant turn; remove it from the training data")
        for index in turns:
            before = self.prompt_ids(Prompt(trajectory.messages[:index], trajectory.tools), tokenizer)
            written = tokenizer(self.target(trajectory.messages[index]), add_special_tokens=False)["input_ids"]
            length = len(before) + len(written)
            if length > max_length:
                raise RowError(
                    f"trajectory {trajectory.id!r}, message {index}: {length} tokens exceed the limit of {max_length}; "
                    "raise max_length or shorten the trajectory"
                )
            yield checked_row(Row((*before, *written), (*[IGNORED] * len(before), *written)), trajectory.id)

    def prompt_ids(self, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Tokenise a prompt; the rendering itself writes every special token."""
        ids: list[int] = tokenizer(self.prompt(prompt), add_special_tokens=False)["input_ids"]
        return ids

    def stop_ids(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Ids of the stop tokens that this tokenizer knows.

        Raises:
            ValueError: the tokenizer lacks the token that training teaches, so generation could never stop.
        """
        vocabulary = tokenizer.get_vocab()
        if self.stop_tokens[0] not in vocabulary:
            raise ValueError(
                f"the tokenizer has no {self.stop_tokens[0]!r}; it does not belong to family {self.name!r}"
            )
        return [vocabulary[token] for token in self.stop_tokens if token in vocabulary]

    def lora_targets(self, model: PreTrainedModel) -> list[str]:
        """Full names of the projections of the language model's layers that receive a LoRA adapter."""
        return [
            name
            for name, _ in model.named_modules()
            if name.startswith("model.layers.") and name.rpartition(".")[2] in self.lora_projections
        ]

    def load(self, base: str, revision: str | None = None, **options: Any) -> PreTrainedModel:
        """Load a causal language model from a local folder or hub repository id, with ``options`` of transformers."""
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not annotate it
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base, revision=revision, **options)
        return model


def checked_row(row: Row, trajectory_id: str) -> Row:
    """Refuse a row whose labels are all masked: it would average over zero tokens and train nothing."""
    if all(label == IGNORED for label in row.labels):
        raise RowError(f"trajectory {trajectory_id!r}: every token is masked; its assistant turn renders to nothing")
    return row


def rows_of(
    family: Family, trajectories: Sequence[Trajectory], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[Row]:
    """Render all ``trajectories``, one row per assistant turn, in order."""
    return [row for trajectory in trajectories for row in family.rows(trajectory, tokenizer, max_length)]
