"""A server of the Model Context Protocol as an environment. For the sandbox's process only: the server is not ours."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
)

from distill.environments.base import EnvironmentExited, ToolError, ToolOutcome, ToolSuccess
from distill.environments.definitions import SEED_VARIABLE, McpServer
from distill.environments.schema import schema_problem
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

# The protocol's own rule for names (SEP-986).
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MOST_PAGES = 100


class UnusableServerError(Exception):
    """A server cannot be an environment. The message says why."""


class McpEnvironment:
    """A program is started anew with every ``reset``, a server at an address gets a new session.

    Without a state tool its state is empty: then only assertions or a judge can tell what is right.
    """

    def __init__(self, definition: McpServer) -> None:
        self._definition = definition
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
        self._session = ExitStack()
        self._stack.push(self._session)
        self._client: Client | None = None
        self._tools: tuple[ToolSpec, ...] | None = None
        self._seed = 0

    def reset(self, seed: int) -> None:
        self._session.close()
        self._client, self._tools, self._seed = None, None, seed

    def tools(self) -> tuple[ToolSpec, ...]:
        """Those of all pages, without the state tool."""
        if self._tools is None:
            listed = self._portal.call(_all_tools, self._connected())
            self._tools = tuple(_spec(tool) for tool in listed if tool.name != self._definition.state_tool)
        return self._tools

    def call(self, call: ToolCall) -> ToolOutcome:
        names = [tool.name for tool in self.tools()]
        if call.name not in names:
            return ToolError("unknown_tool", f"there is no tool {call.name!r}; use one of: {', '.join(names)}")
        try:
            result = self._request(call.name, dict(call.arguments))
        except MCPError as error:
            return ToolError("invalid_arguments" if error.code == INVALID_PARAMS else "failed", error.message)
        if result.is_error:
            return ToolError("failed", _words(_value(result)))
        return ToolSuccess(_value(result))

    def state(self) -> dict[str, JsonValue]:
        if not self._definition.state_tool:
            return {}
        result = self._request(self._definition.state_tool, {})
        if result.is_error:
            raise UnusableServerError(f"its state tool fails: {_words(_value(result))}")
        value = _decoded(_value(result))
        return value if isinstance(value, dict) else {"value": value}

    def close(self) -> None:
        """End the server, or the session."""
        self._stack.close()

    def _request(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        try:
            result: CallToolResult = self._portal.call(self._connected().call_tool, name, arguments)
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise EnvironmentExited(f"the server ended during a call of {name}") from error
            raise
        return result

    def _connected(self) -> Client:
        if self._client is None:
            client = Client(self._server(), cache=None)
            try:
                self._client = self._session.enter_context(self._portal.wrap_async_context_manager(client))
            except Exception as error:
                raise EnvironmentExited(f"the server cannot be reached: {_innermost(error)}") from error
        return self._client

    def _server(self) -> Any:
        definition = self._definition
        if definition.url:
            return _over_http(definition)
        program, *arguments = definition.command
        passed = {name: os.environ[name] for name in definition.env_from}
        env = {**passed, **definition.env, SEED_VARIABLE: str(self._seed)}
        return StdioServerParameters(command=program, args=arguments, env=env)


async def _all_tools(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise UnusableServerError(f"it lists its tools on more than {_MOST_PAGES} pages")


@asynccontextmanager
async def _over_http(definition: McpServer) -> AsyncIterator[Any]:
    headers = {header: os.environ[name] for header, name in definition.headers_from.items()}
    # How long a call may take is the sandbox's to decide, which ends this process.
    async with (
        httpx2.AsyncClient(headers=headers, timeout=None) as http,
        streamable_http_client(definition.url, http_client=http) as streams,
    ):
        yield streams


def _spec(tool: Tool) -> ToolSpec:
    spec = ToolSpec(tool.name, tool.description or "", tool.input_schema)
    if not _NAME.fullmatch(tool.name):
        raise UnusableServerError(
            f"a tool has the name {tool.name!r}; letters, digits, dot, dash and underscore will do"
        )
    if problem := schema_problem(spec):
        raise UnusableServerError(f"the schema of its tool {tool.name} cannot be used: {problem}")
    return spec


def _value(result: CallToolResult) -> JsonValue:
    """What a model reads: the structured content, else the one text, else what each piece of content is."""
    if result.structured_content is not None:
        structured: JsonValue = result.structured_content
        return structured
    pieces = [_piece(block) for block in result.content]
    return pieces[0] if len(pieces) == 1 else pieces or None


def _piece(block: ContentBlock) -> JsonValue:
    """A text as it is, anything else described: models of tool calls read no pictures."""
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ResourceLink):
        return {"type": block.type, "uri": str(block.uri), "name": block.name}
    if isinstance(block, EmbeddedResource):
        held = block.resource
        text = {"text": held.text} if isinstance(held, TextResourceContents) else {"base64_characters": len(held.blob)}
        return {"type": block.type, "uri": str(held.uri), **text}
    return {"type": block.type, "mime_type": block.mime_type, "base64_characters": len(block.data)}


def _decoded(value: JsonValue) -> JsonValue:
    """A text that is JSON as what it says."""
    try:
        found: JsonValue = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return found


def _words(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _innermost(error: BaseException) -> str:
    """The first error of a group of groups: task groups wrap what went wrong in them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
