"""Small byte-level BPE tokenizers that carry a family's special tokens and fixed prompt text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from distill.families.base import Family, Prompt
from distill.standins.corpus import copy_words
from distill.trajectories.types import Trajectory

# Pieces of JSON between names and values. As single tokens they keep rows short enough for a CPU.
_JSON_PIECES = (
    '{"type": "function", "function": {"name": "',
    '", "description": "',
    '", "parameters": {"type": "object", "properties": {"',
    '", "parameters": {"',
    '": {"type": "string", "description": "',
    '": {"type": "integer", "description": "',
    '": {"type": "string", "enum": ["',
    '"]}, "',
    '"]}}, "required": ["',
    '"}, "',
    '"}}, "required": ["',
    '"]}}}',
    '"]}}, {"name": "',
    '"}}}, {"name": "',
    '{"tool_calls": [',
    '{"name": "',
    '", "arguments": {"',
    '": "',
    '", "',
    '"}}',
    '": ',
    ', "',
    "}}",
    '"}}}]',
    '"]}}]',
)
# Spaces and digits stand alone: a word or number is then the same tokens in a request and in a JSON string, so that
# copying an argument is copying tokens.
_UNITS = Regex(r" |\n|\d|[^\s\d\w]|_[^\W\d_]+|_|[^\W\d_]+")


def fixed_lines(family: Family, samples: Sequence[Trajectory], specials: Sequence[str]) -> list[str]:
    """Text of seven and more characters, without special tokens, that fills lines in the prompts of all ``samples``."""
    boundary = re.compile("|".join(["\n", *map(re.escape, specials)]))
    prompts = [set(boundary.split(family.prompt(Prompt(sample.messages[:1], sample.tools)))) for sample in samples]
    return sorted(line for line in set.intersection(*prompts) if len(line) >= 7)


def build(
    family: Family, samples: Sequence[Trajectory], specials: Sequence[str], vocabulary: int
) -> PreTrainedTokenizerFast:
    """Train a tokenizer of ``vocabulary`` ids on the renderings of ``samples``; the same input gives the same bytes."""
    pieces = [*fixed_lines(family, samples[:50], specials), *_JSON_PIECES]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_UNITS, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(pieces) - len(specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    words = (" ".join(copy_words(seed, 60)) for seed in range(len(samples)))
    tokenizer.train_from_iterator([*(_text(family, sample) for sample in samples), *words], trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers does not annotate it
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False
    )


def _text(family: Family, sample: Trajectory) -> str:
    return family.prompt(Prompt(sample.messages[:-1], sample.tools)) + family.target(sample.messages[-1])
