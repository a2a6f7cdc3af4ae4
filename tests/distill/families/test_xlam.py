"""What xLAM teachers are prompted with as plain text, what they write, and how it is read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from distill.families import family_named
from distill.families.base import Family, Prompt
from distill.teacher.prompts import FUNCTION_CALLING, REASONING, xlam1_messages, xlam2_messages
from distill.trajectories.calls import ParsedCalls
from distill.trajectories.types import Message, ToolCall, ToolSpec
from tests.distill.teacher.texts import CALLS

TOOLS = (ToolSpec("ring_bell", "Ring the bell.", {"type": "object", "properties": {}}),)
CALL = Message("assistant", tool_calls=(ToolCall("ring_bell", {}),), reasoning="It is time.")
ASKED = (Message("user", "Ring"),)
HISTORY = (Message("system", "Be brief."), *ASKED, CALL, Message("tool", "rung"), Message("assistant", "Done."))
AGAIN = Prompt((*HISTORY, Message("user", "Again")), TOOLS)
WRITTEN = '"name": "ring_bell", "arguments": {}'


def test_fc_models_get_deepseeks_turns_and_their_system_text() -> None:
    family = family_named("xlam-fc")
    blocks = xlam1_messages(AGAIN, FUNCTION_CALLING)[1].content
    assert family.prompt(Prompt(ASKED, TOOLS)) == (
        "<｜begin▁of▁sentence｜>You are an AI assistant for function calling.For politically sensitive questions, "
        "security and privacy issues, and other non-computer science questions, you will refuse to answer\n"
        f"### Instruction:\n{blocks}\n### Response:\n"
    )
    assert family.prompt(AGAIN) == (
        f"<｜begin▁of▁sentence｜>Be brief.\n### Instruction:\n{blocks}\n"
        f'### Response:\n{{"thought": "It is time.", "tool_calls": [{{{WRITTEN}}}]}}\n<|EOT|>\n'
        "### Instruction:\nrung\n### Response:\nDone.\n<|EOT|>\n### Instruction:\nAgain\n### Response:\n"
    )


def test_r_models_get_one_instruction() -> None:
    family = family_named("xlam-mistral")
    (message,) = xlam1_messages(AGAIN, REASONING)
    assert family.prompt(AGAIN) == f"<s> [INST] {message.content} [/INST]"
    assert family.target(CALL) == f' {{"thought": "It is time.", "tool_calls": [{{{WRITTEN}}}]}}</s>'
    assert family.target(HISTORY[-1]) == ' {"thought": "Done.", "tool_calls": []}</s>'


def test_xlam2_turns_follow_each_other_without_a_line_break() -> None:
    system = xlam2_messages(AGAIN)[0].content
    assert family_named("xlam2-qwen").prompt(AGAIN) == (
        f"<|im_start|>system\n{system}<|im_end|><|im_start|>user\nRing<|im_end|>"
        f"<|im_start|>assistant\n[{{{WRITTEN}}}]<|im_end|><|im_start|>tool\nrung<|im_end|>"
        "<|im_start|>assistant\nDone.<|im_end|><|im_start|>user\nAgain<|im_end|><|im_start|>assistant\n"
    )


def test_xlam2_on_llama_has_its_headers_and_shows_results_as_ipython() -> None:
    prompt = family_named("xlam2-llama").prompt(AGAIN)
    assert prompt.startswith(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.\nYou have access"
    )
    assert prompt.endswith(
        "<|start_header_id|>user<|end_header_id|>\n\nRing<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n[{{{WRITTEN}}}]<|eot_id|>"
        "<|start_header_id|>ipython<|end_header_id|>\n\nrung<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nDone.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAgain<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


@pytest.fixture(params=["xlam-fc", "xlam-mistral", "xlam2-qwen", "xlam2-llama"])
def family(request: pytest.FixtureRequest) -> Family:
    return family_named(request.param)


def test_what_is_said_is_read_back(family: Family) -> None:
    turn = Message("assistant", "Which bell?")
    assert family.parse(family.target(turn).removesuffix(family.stop_tokens[0])) == ParsedCalls((), turn.content)
    silent = family.parse(family.target(Message("assistant")).removesuffix(family.stop_tokens[0]))
    assert silent == ParsedCalls()


@settings(max_examples=40, deadline=None)
@given(CALLS.filter(bool))
@pytest.mark.parametrize("name", ["xlam-mistral", "xlam2-llama"])
def test_calls_are_read_back(name: str, calls: list[ToolCall]) -> None:
    family = family_named(name)
    turn = Message("assistant", tool_calls=tuple(calls))
    assert family.parse(family.target(turn).removesuffix(family.stop_tokens[0])) == ParsedCalls(turn.tool_calls)
