"""How xLAM models are asked: conversations as the chat messages that each generation was trained to read.

For servers that know nothing of tools: tools, calls and results are text in the messages. The instruction texts were
seen in training, so they are part of the format and stand here letter by letter; each says where it is documented.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from distill.teacher.protocol import ChatMessage
from distill.trajectories.calls import call_to_json, json_text, tool_to_json
from distill.trajectories.types import JsonValue, Message, ToolCall, ToolSpec

if TYPE_CHECKING:
    from distill.families.base import Prompt


@dataclass(frozen=True, slots=True)
class Xlam1Dialect:
    """What differs between the models of the first generation.

    ``reasons``: the model writes a ``thought`` beside its calls, and reads all earlier turns as numbered steps in one
    message. Without it, a turn is a chat message. ``write`` makes JSON text of the tools.
    """

    task: str
    format: str
    reasons: bool = False
    write: Callable[[JsonValue], str] = json.dumps


FUNCTION_CALLING = Xlam1Dialect(
    # Model cards of Salesforce/xLAM-1b-fc-r and xLAM-7b-fc-r, "task_instruction" and "format_instruction"; the spaces
    # before line ends are theirs. The cards write the tools by plain json.dumps, so letters beyond ASCII are escaped.
    task=(
        "You are an expert in composing functions. You are given a question and a set of possible functions. \n"
        "Based on the question, you will need to make one or more function/tool calls to achieve the purpose. \n"
        "If none of the functions can be used, point it out and refuse to answer. \n"
        "If the given question lacks the parameters required by the function, also point it out."
    ),
    format=(
        "The output MUST strictly adhere to the following JSON format, and NO other text MUST be included.\n"
        "The example format is as follows. Please make sure the parameter type is correct. If no function call is "
        "needed, please make tool_calls an empty list '[]'.\n"
        "```\n"
        "{\n"
        '    "tool_calls": [\n'
        '    {"name": "func_name1", "arguments": {"argument1": "value1", "argument2": "value2"}},\n'
        "    ... (more tool calls as required)\n"
        "    ]\n"
        "}\n"
        "```"
    ),
)
REASONING = Xlam1Dialect(
    # Model cards of Salesforce/xLAM-7b-r, xLAM-8x7b-r and xLAM-8x22b-r; xLAM/client/config.py of the repository
    # SalesforceAIResearch/xLAM holds the same sentences, indented.
    task="Based on the previous context and API request history, generate an API request or a response as an AI "
    "assistant.",
    format=(
        "The output should be of the JSON format, which specifies a list of generated function calls. The example "
        "format is as follows, please make sure the parameter type is correct. If no function call is needed, please "
        'make tool_calls an empty list "[]".\n'
        "```\n"
        '{"thought": "the thought process, or an empty string", "tool_calls": [{"name": "api_name1", "arguments": '
        '{"argument1": "value1", "argument2": "value2"}}]}\n'
        "```"
    ),
    reasons=True,
)
STAND_IN = Xlam1Dialect(
    # Of no published model: what our stand-ins were trained on.
    task="Answer the query with calls of the available tools. If none of them fits, call nothing.",
    format=(
        "Write only JSON of this form, with an empty list where nothing is to be called:\n"
        '{"tool_calls": [{"name": "tool", "arguments": {"argument": "value"}}]}'
    ),
    write=json_text,
)

Xlam2Base = Literal["qwen", "llama"]
# Chat template in tokenizer_config.json of Salesforce/xLAM-2-3b-fc-r; BFCL's handlers of both bases write the same
# (bfcl_eval 2026.3.23, model_handler/local_inference/salesforce_{qwen,llama}.py).
XLAM2_SYSTEM = "You are a helpful assistant that can use tools. You are developed by Salesforce xLAM team."
XLAM2_INSTRUCTION = (
    "You have access to a set of tools. When using tools, make calls in a single JSON array: \n\n"
    '[{"name": "tool_call_name", "arguments": {"arg1": "value1", "arg2": "value2"}}, ... (additional parallel tool '
    "calls as needed)]\n\n"
    "If no tool is suitable, state that explicitly. If the user's input lacks required parameters, ask for "
    "clarification. Do not interpret or respond until tool results are returned. Once they are available, process "
    "them or make additional calls if needed. For tasks that don't require tools, such as casual conversation or "
    "general advice, respond directly in plain text. The available tools are:"
)


def xlam1_messages(prompt: Prompt, dialect: Xlam1Dialect = FUNCTION_CALLING) -> tuple[ChatMessage, ...]:
    """The messages for an xLAM-1 model: the first user message stands in blocks together with tools and instructions.

    The cards of the ``-fc-r`` models show one turn only. Later turns follow as chat messages, with a tool's result from
    the user: their template knows no other role. The ``-r`` models get one message with a block of history, in which a
    system message comes first, as their template would put it.

    Raises:
        ValueError: there is no user message.
    """
    query = next((index for index, message in enumerate(prompt.messages) if message.role == "user"), None)
    if query is None:
        raise ValueError("an xLAM prompt needs a user message; add one to the conversation")
    asked = xlam1_blocks(prompt.tools, prompt.messages[query].content, dialect)
    if dialect.reasons:
        system = "".join(f"{message.content}\n\n" for message in prompt.messages if message.role == "system")
        return (ChatMessage("user", system + asked + _history(prompt.messages[query + 1 :])),)
    messages = []
    for index, message in enumerate(prompt.messages):
        if message.role == "assistant":
            messages.append(ChatMessage("assistant", xlam1_answer(message, dialect)))
        elif message.role == "system":
            messages.append(ChatMessage("system", message.content))
        else:
            messages.append(ChatMessage("user", asked if index == query else message.content))
    return tuple(messages)


def xlam1_blocks(tools: Sequence[ToolSpec], query: str, dialect: Xlam1Dialect = FUNCTION_CALLING) -> str:
    """The four blocks of an xLAM-1 prompt (``build_prompt`` on the model cards)."""
    blocks = {
        "TASK INSTRUCTION": dialect.task,
        "AVAILABLE TOOLS": dialect.write([flatten_tool(tool) for tool in tools]),
        "FORMAT INSTRUCTION": dialect.format,
        "QUERY": query,
    }
    return "".join(f"[BEGIN OF {name}]\n{text}\n[END OF {name}]\n\n" for name, text in blocks.items())


def flatten_tool(tool: ToolSpec) -> dict[str, JsonValue]:
    """xLAM-1's tool form: ``parameters`` maps each name to its property, without the schema around it.

    So the model is not told which are required; it takes those with a default for optional. (``convert_to_xlam_tool``
    on the model cards drops the list in the same way.)
    """
    properties = cast("dict[str, JsonValue]", tool.parameters.get("properties", {}))
    return {"name": tool.name, "description": tool.description, "parameters": properties}


def xlam1_answer(turn: Message, dialect: Xlam1Dialect = FUNCTION_CALLING) -> str:
    """What an xLAM-1 model writes in ``turn``: its calls, with the reasoning before them as ``thought``.

    A turn without calls is its prose, or the empty list where it has none: the published ``-fc-r`` models write only
    the list, but a tuned one may have something to ask or to say, and every reader takes prose for no call. The ``-r``
    models say it as their thought, which their client shows to the user.
    """
    if dialect.reasons:
        return json_text({"thought": _thought(turn), "tool_calls": _calls(turn)})
    if turn.content and not turn.tool_calls:
        return turn.content
    return render_calls(turn.tool_calls, turn.reasoning or "")


def render_calls(calls: Sequence[ToolCall], thought: str = "") -> str:
    """Calls as an xLAM-1 model writes them; an empty list means that it calls nothing."""
    reasoned: dict[str, JsonValue] = {"thought": thought} if thought else {}
    return json_text({**reasoned, "tool_calls": [call_to_json(call) for call in calls]})


def _history(messages: Sequence[Message]) -> str:
    """The block of earlier steps (``build_conversation_history_prompt`` on the cards of the ``-r`` models).

    A step is one assistant turn with what came of it: the tools' result, and what the user said then. Several results
    of one step are a list; the cards show only one.
    """
    steps: list[dict[str, JsonValue]] = []
    results: list[JsonValue] = []
    for message in messages:
        if message.role == "assistant":
            results = []
            steps.append({"step_id": len(steps) + 1, "thought": _thought(message), "tool_calls": _calls(message)})
            steps[-1] |= {"next_observation": "", "user_input": ""}
        elif not steps:
            raise ValueError("an xLAM history begins with an assistant turn; put one behind the first user message")
        elif message.role == "tool":
            results.append(message.content)
            steps[-1]["next_observation"] = results[0] if len(results) == 1 else results
        else:
            steps[-1]["user_input"] = message.content
    return f"\n[BEGIN OF HISTORY STEPS]\n{json.dumps(steps)}\n[END OF HISTORY STEPS]\n" if steps else ""


def _thought(turn: Message) -> str:
    """What the one text beside the calls says: the reasoning where there are calls, else what the user is told."""
    first, second = (turn.reasoning, turn.content) if turn.tool_calls else (turn.content, turn.reasoning)
    return first or second or ""


def _calls(turn: Message) -> list[JsonValue]:
    return [call_to_json(call) for call in turn.tool_calls]


def xlam2_messages(prompt: Prompt, base: Xlam2Base = "qwen") -> tuple[ChatMessage, ...]:
    """The messages for an xLAM-2 model, whose system message always holds tools and format instruction.

    The published template leaves the instruction out below a system message of the conversation's own, and without it
    the models do not keep to the array: so it is appended here. Results have the role ``ipython`` on Llama, else
    ``tool``. A server's template trims the system message, so that it ends in one line break instead of two.
    """
    messages = prompt.messages
    system = XLAM2_SYSTEM
    if messages and messages[0].role == "system":
        system, messages = messages[0].content.strip(), messages[1:]
    results: Literal["ipython", "tool"] = "ipython" if base == "llama" else "tool"
    return (ChatMessage("system", _xlam2_system(system, prompt.tools)), *(_xlam2(each, results) for each in messages))


def xlam2_answer(turn: Message) -> str:
    """What an xLAM-2 model writes in ``turn``: the array of its calls, or prose. The format has no place for both."""
    if turn.tool_calls:
        return json_text(_calls(turn))
    return turn.content.strip() or "[]\n"


def _xlam2_system(system: str, tools: Sequence[ToolSpec]) -> str:
    if not tools:
        return f"{system}\n"
    listed = (json.dumps(tool_to_json(tool), ensure_ascii=False, indent=4) for tool in tools)
    return f"{system}\n{XLAM2_INSTRUCTION}\n\n" + "".join(f"{tool}\n\n" for tool in listed)


def _xlam2(message: Message, results: Literal["ipython", "tool"]) -> ChatMessage:
    if message.role == "assistant":
        return ChatMessage("assistant", xlam2_answer(message))
    if message.role == "tool":
        return ChatMessage(results, message.content)
    return ChatMessage(message.role, message.content.strip())
