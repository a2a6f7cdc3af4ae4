"""Small byte-level BPE tokenizers that carry a family's special tokens and fixed prompt text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product

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
# Llama 3 shows tools as JSON with line breaks and an indent of four, and a tool's result as a JSON string.
_PROPERTY = '": {\n                    "type": '
_PROPERTY_ENDS = ('"\n                }', '"\n                    ]\n                }')
_TOOL_BEGIN = '{\n    "type": "function",\n    "function": {\n        "name": "'
_TOOL_END = '"\n            ]\n        }\n    }\n}\n\n'
_LLAMA3_PIECES = (
    _TOOL_BEGIN,
    '",\n        "description": "',
    '",\n        "parameters": {\n            "type": "object",\n            "properties": {\n                "',
    f'{_PROPERTY}"string",\n                    "description": "',
    f'{_PROPERTY}"integer",\n                    "description": "',
    f'{_PROPERTY}"string",\n                    "enum": [\n                        "',
    '",\n                        "',
    *(f'{end},\n                "' for end in _PROPERTY_ENDS),
    *(f'{end}\n            }},\n            "required": [\n                "' for end in _PROPERTY_ENDS),
    '",\n                "',
    _TOOL_END,
    _TOOL_END + _TOOL_BEGIN,
    *('{"name": "', '{"function": "', '", "parameters": {"', '": "', '", "', '"}}', '": ', ', "', "}}"),
    *('"{\\"', '\\": \\"', '\\", \\"', '\\"}"', '\\": ', ', \\"', '}"'),
)
# Those of Gemma 4 may hold the tag of a quote, but no tag that opens or closes a turn, a call or a result: where these
# are learnt they must be the tokens that they are in a prompt.
_KINDS = tuple(f',type:<|"|>{kind}<|"|>}}' for kind in ("STRING", "INTEGER"))
_GEMMA4_PIECES = (
    "<|tool>declaration:",
    '{description:<|"|>',
    '<|"|>,parameters:{properties:{',
    *(':{description:<|"|>', ':{enum:[<|"|>', '<|"|>,<|"|>'),
    *(f'<|"|>{listed}{kind}{after}' for listed, kind, after in product(("", "]"), _KINDS, (",", '},required:[<|"|>'))),
    '<|"|>],type:<|"|>OBJECT<|"|>}}<tool|>',
    '<|"|>],type:<|"|>OBJECT<|"|>}}<tool|><|tool>declaration:',
    *(':<|"|>', '<|"|>,', '<|"|>}', "response:", '{value:<|"|>'),
    *('{"', '": "', '", "', '"}', '": ', ', "'),
)
_PIECES: Mapping[str, tuple[str, ...]] = {"llama3": _LLAMA3_PIECES, "gemma4": _GEMMA4_PIECES}
# Spaces and digits stand alone: a word or number is then the same tokens in a request and in a JSON string, so that
# copying an argument is copying tokens.
_UNITS = Regex(r" |\n|\d|[^\s\d\w]|_[^\W\d_]+|_|[^\W\d_]+")
_SPLIT = pre_tokenizers.Sequence(
    [pre_tokenizers.Split(_UNITS, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
)


def fixed_lines(family: Family, samples: Sequence[Trajectory], specials: Sequence[str]) -> list[str]:
    """Text of seven and more characters, without special tokens, that fills lines in the prompts of all ``samples``."""
    boundary = re.compile("|".join(["\n", *map(re.escape, specials)]))
    prompts = [set(boundary.split(family.prompt(Prompt(sample.messages[:1], sample.tools)))) for sample in samples]
    return sorted(line for line in set.intersection(*prompts) if len(line) >= 7)


def build(
    family: Family,
    samples: Sequence[Trajectory],
    specials: Sequence[str],
    vocabulary: int,
    parent: PreTrainedTokenizerFast | None = None,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer of ``vocabulary`` ids on the renderings of ``samples``; the same input gives the same bytes.

    With a ``parent`` it learns nothing: it has the parent's words, as many as there is room for.
    """
    pieces = _PIECES.get(family.name, _JSON_PIECES)
    lines = fixed_lines(family, samples[:50], specials)
    pieces = (*(line for line in lines if not any(line in piece for piece in pieces)), *pieces)
    room = vocabulary - len(pieces) - len(specials)
    tokenizer = _trained(family, samples, room) if parent is None else _first_words(parent, room)
    tokenizer.pre_tokenizer = _SPLIT
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers does not annotate it
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False
    )


def _trained(family: Family, samples: Sequence[Trajectory], room: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _SPLIT
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    words = (" ".join(copy_words(seed, 60)) for seed in range(len(samples)))
    tokenizer.train_from_iterator([*(_text(family, sample) for sample in samples), *words], trainer)
    return tokenizer


def _first_words(parent: PreTrainedTokenizerFast, room: int) -> Tokenizer:
    """The bytes and the first merges of ``parent``, which are the words that it learnt first, under the same ids."""
    model = json.loads(parent.backend_tokenizer.to_str())["model"]
    words = {word: number for word, number in model["vocab"].items() if number < room}
    merges = [(left, right) for left, right in model["merges"] if left + right in words]
    return Tokenizer(models.BPE(words, merges))


def _text(family: Family, sample: Trajectory) -> str:
    return family.prompt(Prompt(sample.messages[:-1], sample.tools)) + family.target(sample.messages[-1])
