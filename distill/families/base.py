"""The family seam: everything that differs between model families, and what follows from it alike for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.trajectories.calls import ParseOutcome
from distill.trajectories.types import Message, ToolSpec, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that adds nothing to the loss (PyTorch's ``ignore_index``)."""

WINDOW_EVERYWHERE = frozenset({"mistral", "mixtral"})
"""The ``model_type`` of classes whose sliding window, where a checkpoint has one, is that of every layer."""


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


@dataclass(frozen=True, slots=True)
class AssistantTurn:
    """What the assistant writes once, and what it has read by then. ``place`` names it in errors."""

    place: str
    prompt: Prompt
    message: Message


class Family(ABC):
    """One model family. Stateless: tokenizer and model are passed in."""

    name: str
    architectures: frozenset[str]
    """Class names in a config's ``architectures`` that this family may accept."""
    stop_tokens: tuple[str, ...]
    """Tokens that end an assistant turn and that training teaches; the first one ends prose."""
    other_stop_tokens: tuple[str, ...] = ()
    """Further tokens at which servers stop, where the tokenizer has them."""
    lora_projections: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def accepts(self, config: Mapping[str, Any]) -> bool:
        """Whether a model with this parsed ``config.json`` may be of this family."""
        return not self.architectures.isdisjoint(config.get("architectures") or ())

    def conversation(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Bring messages into the turns that the family's format knows; doing so twice changes nothing more.

        Raises:
            ValueError: they have no such form.
        """
        return tuple(messages)

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
        a single row over all turns would train text that no server ever shows.

        Raises:
            RowError: the family's format cannot express the trajectory, a row is longer than ``max_length`` tokens, a
                target could not be generated up to its end, or there is nothing to learn.
        """
        for turn in self.assistant_turns(trajectory):
            row = self.row(turn, tokenizer)
            check_length(row, turn, max_length)
            yield row

    def assistant_turns(self, trajectory: Trajectory) -> Iterator[AssistantTurn]:
        """What the assistant writes in a trajectory, turn by turn, each with all that went before.

        Raises:
            RowError: the family's format cannot express the trajectory, or there is nothing to learn.
        """
        try:
            messages = self.conversation(trajectory.messages)
        except ValueError as error:
            raise RowError(f"trajectory {trajectory.id!r}: {error}") from error
        turns = [index for index, message in enumerate(messages) if message.role == "assistant"]
        if not turns:
            raise RowError(f"trajectory {trajectory.id!r} has no assistant turn; remove it from the training data")
        for index in turns:
            place = f"trajectory {trajectory.id!r}, message {index}"
            yield AssistantTurn(place, Prompt(messages[:index], trajectory.tools), messages[index])

    def row(self, turn: AssistantTurn, tokenizer: PreTrainedTokenizerBase) -> Row:
        """The row of one turn. Prompt and target are tokenised apart, so the prompt's ids are a prefix of the row.

        Raises:
            RowError: the prompt has no form in the family's format, the target could not be generated up to its end, or
                there is nothing to learn.
        """
        try:
            before = self.prompt_ids(turn.prompt, tokenizer)
            written = tokenizer(self._whole_target(turn.message), add_special_tokens=False)["input_ids"]
        except ValueError as error:
            raise RowError(f"{turn.place}: {error}") from error
        return checked_row(Row((*before, *written), (*[IGNORED] * len(before), *written)), turn.place)

    def _whole_target(self, turn: Message) -> str:
        """The target, checked for text at which generation would stop before its end."""
        target = self.target(turn)
        body = target.removesuffix(next((stop for stop in self.stop_tokens if target.endswith(stop)), ""))
        for stop in (*self.stop_tokens, *self.other_stop_tokens):
            if stop in body:
                raise ValueError(f"the text holds {stop!r}, where generation stops; remove it")
        return target

    def prompt_ids(self, prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Tokenise a prompt; the rendering itself writes every special token."""
        ids: list[int] = tokenizer(self.prompt(prompt), add_special_tokens=False)["input_ids"]
        return ids

    def stop_ids(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Ids of the stop tokens that this tokenizer knows.

        Raises:
            ValueError: the tokenizer lacks a token that training teaches, so generation could never stop.
        """
        vocabulary = tokenizer.get_vocab()
        for token in self.stop_tokens:
            if token not in vocabulary:
                raise ValueError(f"the tokenizer has no {token!r}; it does not belong to family {self.name!r}")
        known = [token for token in self.other_stop_tokens if token in vocabulary]
        return [vocabulary[token] for token in (*self.stop_tokens, *known)]

    def lora_targets(self, model: PreTrainedModel) -> list[str]:
        """Full names of the projections of the language model's layers that receive a LoRA adapter.

        Found by looking, since a layer may lack some: Gemma 4 shares keys and values between layers.
        """
        return [
            name
            for name, _ in model.named_modules()
            if name.startswith("model.layers.") and name.rpartition(".")[2] in self.lora_projections
        ]

    def load(self, base: str, revision: str | None = None, **options: Any) -> PreTrainedModel:
        """Load a causal language model from a local folder or hub repository id, with ``options`` of transformers.

        Raises:
            ValueError: the checkpoint does not hold all weights.
        """
        from transformers import AutoModelForCausalLM

        return self._load(AutoModelForCausalLM, base, revision, **options)

    @staticmethod
    def _load(model_class: Any, base: str, revision: str | None, **options: Any) -> PreTrainedModel:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not annotate it
        loaded: tuple[PreTrainedModel, dict[str, Any]]
        loaded = model_class.from_pretrained(base, revision=revision, output_loading_info=True, **options)
        model, found = loaded
        # transformers fills such weights with random numbers and only logs it.
        if missing := sorted(found["missing_keys"]):
            raise ValueError(
                f"{base} lacks {len(missing)} weights of {type(model).__name__}, such as {missing[0]!r}; "
                "choose a complete checkpoint of this class"
            )
        return model


def checked_row(row: Row, place: str) -> Row:
    """Refuse a row whose labels are all masked: it would average over zero tokens and train nothing."""
    if all(label == IGNORED for label in row.labels):
        raise RowError(f"{place}: every token is masked; its assistant turn renders to nothing")
    return row


def check_length(row: Row, turn: AssistantTurn, max_length: int) -> None:
    """Refuse a row of more than ``max_length`` tokens.

    Raises:
        RowError: it is longer.
    """
    if len(row.input_ids) > max_length:
        raise RowError(
            f"{turn.place}: {len(row.input_ids)} tokens exceed the limit of {max_length}; "
            "raise max_length, shorten the trajectory, or train with overlong = drop or split"
        )


def rows_of(
    family: Family, trajectories: Sequence[Trajectory], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[Row]:
    """Render all ``trajectories``, one row per assistant turn, in order."""
    return [row for trajectory in trajectories for row in family.rows(trajectory, tokenizer, max_length)]
