"""A tokenizer for each family: the stand-in's, or bytes and the family's control tokens."""

from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from distill.standins import checkpoint

CONTROL = {
    "llama3": "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> <|end_of_text|>",
    "gemma4": '<bos> <eos> <|"|> <|turn> <turn|> <|tool> <tool|> <|tool_call> <tool_call|> '
    "<|tool_response> <tool_response|>",
}


@cache
def tokenizer_of(family: str) -> PreTrainedTokenizerBase:
    """Shared between tests: not to be changed."""
    if family not in CONTROL:
        return AutoTokenizer.from_pretrained(checkpoint(family))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in CONTROL[family].split()])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers does not annotate it
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, pad_token=CONTROL[family].split()[0]
    )
