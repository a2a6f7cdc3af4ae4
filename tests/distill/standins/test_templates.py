"""The chat templates of the stand-ins of Llama 3 and Gemma 4 render what the families render."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from transformers.utils.chat_template_utils import render_jinja_template

import distill.standins
from distill.families import family_named
from distill.families.base import Prompt
from distill.trajectories.calls import tool_to_json
from distill.trajectories.types import Message, ToolSpec
from tests.distill.families.conversations import PATIENT, TOOLS, conversations, openai_messages

TEMPLATES = Path(distill.standins.__file__).parent / "templates"


def templated(name: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> str:
    rendered = render_jinja_template(
        [openai_messages(messages)],
        tools=[{"type": "function", "function": tool_to_json(tool)} for tool in tools] or None,
        chat_template=(TEMPLATES / f"{name}.jinja").read_text(),
        add_generation_prompt=True,
    )
    return str(rendered[0][0])


@PATIENT
@given(conversations(parallel=1), TOOLS)
def test_llama3(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> None:
    assert templated("llama3", messages, tools) == family_named("llama3").prompt(Prompt(messages, tools))


@PATIENT
@given(conversations(), TOOLS)
def test_gemma4(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> None:
    assert templated("gemma4", messages, tools) == family_named("gemma4").prompt(Prompt(messages, tools))
