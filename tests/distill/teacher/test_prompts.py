"""The exact texts that xLAM models are asked with: ``golden/NAME.txt`` holds the messages, each below its role.

They were checked against the cards' own code and BFCL's handlers, and are compared byte for byte.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.families.base import Prompt
from distill.teacher.prompts import (
    REASONING,
    STAND_IN,
    XLAM2_INSTRUCTION,
    flatten_tool,
    render_calls,
    xlam1_answer,
    xlam1_messages,
    xlam2_answer,
    xlam2_messages,
)
from distill.teacher.protocol import ChatMessage
from distill.trajectories.types import Message, ToolCall, ToolSpec

GOLDEN = Path(__file__).parent / "golden"
TOOLS = (
    ToolSpec(
        "get_weather",
        "Weather of a city – für heute.",
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "City"},
                "days": {"type": "integer", "description": "How many", "default": 1},
            },
            "required": ["city"],
        },
    ),
    ToolSpec("now", "Time.", {"type": "object"}),
)
ASKED = (Message("user", "Rain in Tromsø?"),)
CALL = ToolCall("get_weather", {"city": "Tromsø"})
CONVERSATION = (
    Message("system", "Be brief. "),
    *ASKED,
    Message("assistant", tool_calls=(CALL, ToolCall("now", {})), reasoning="I look it up."),
    Message("tool", '{"rain": true}', name="get_weather"),
    Message("tool", "12:00", name="now"),
    Message("assistant", "It rains in Tromsø."),
    Message("user", "And tomorrow? "),
)
ONE_TURN, WHOLE = Prompt(ASKED, TOOLS), Prompt(CONVERSATION, TOOLS)
WRITTEN = {
    "xlam1_one_turn": xlam1_messages(ONE_TURN),
    "xlam1_conversation": xlam1_messages(WHOLE),
    "xlam1_stand_in": xlam1_messages(ONE_TURN, STAND_IN),
    "xlam1_reasoning_one_turn": xlam1_messages(ONE_TURN, REASONING),
    "xlam1_reasoning_conversation": xlam1_messages(WHOLE, REASONING),
    "xlam2_one_turn": xlam2_messages(ONE_TURN),
    "xlam2_qwen_conversation": xlam2_messages(WHOLE, "qwen"),
    "xlam2_llama_conversation": xlam2_messages(WHOLE, "llama"),
}


def shown(messages: tuple[ChatMessage, ...]) -> str:
    return "".join(f"=== {message.role}\n{message.content}\n" for message in messages)


@pytest.mark.parametrize("name", WRITTEN)
def test_prompts_are_exactly_as_documented(name: str) -> None:
    assert shown(WRITTEN[name]) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_every_golden_text_is_compared() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(WRITTEN)


def test_a_custom_system_message_keeps_the_instruction() -> None:
    system = xlam2_messages(WHOLE)[0]
    assert system.role == "system"
    assert system.content.startswith(f"Be brief.\n{XLAM2_INSTRUCTION}\n\n{{\n    ")


def test_without_tools_xlam2_gets_no_instruction() -> None:
    assert xlam2_messages(Prompt(CONVERSATION[:2], ()))[0] == ChatMessage("system", "Be brief.\n")


def test_flattening_keeps_the_properties_alone() -> None:
    assert flatten_tool(TOOLS[0])["parameters"] == TOOLS[0].parameters["properties"]
    assert flatten_tool(TOOLS[1])["parameters"] == {}


def test_calls_are_written_as_the_models_write_them() -> None:
    call = ToolCall("f", {"a": 1})
    assert render_calls([call]) == '{"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}'
    assert render_calls([]) == '{"tool_calls": []}'
    turn = Message("assistant", tool_calls=(call,), reasoning="So.")
    assert xlam1_answer(turn) == '{"thought": "So.", "tool_calls": [{"name": "f", "arguments": {"a": 1}}]}'
    assert xlam2_answer(turn) == '[{"name": "f", "arguments": {"a": 1}}]'
    assert xlam1_answer(Message("assistant", "Hi")) == xlam2_answer(Message("assistant", "Hi ")) == "Hi"
    assert xlam1_answer(Message("assistant", "Hi"), REASONING) == '{"thought": "Hi", "tool_calls": []}'
    assert xlam2_answer(Message("assistant")) == "[]\n"


def test_a_conversation_without_a_question_has_no_prompt() -> None:
    with pytest.raises(ValueError, match="needs a user message"):
        xlam1_messages(Prompt(CONVERSATION[:1], TOOLS))


def test_a_history_that_begins_with_a_result_has_no_prompt() -> None:
    with pytest.raises(ValueError, match="begins with an assistant turn"):
        xlam1_messages(Prompt((*ASKED, Message("tool", "12:00")), TOOLS), REASONING)
