"""``spiritsafe environment``: the worlds that models are played in. Runs them in a sandbox here, and asks no server."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits, output
from cli.lazy import app as new_app
from cli.options import FormatOption, invalid
from cli.output import Format

if TYPE_CHECKING:
    from distill.environments.definitions import Definition, Setup
    from distill.environments.sandbox import NotExecuted
    from distill.trajectories.types import ToolCall

_CUSTOM = "custom"
NameArgument = Annotated[str, typer.Argument(help="A built-in world; left out with one of the options below.")]
McpOption = Annotated[str, typer.Option("--mcp", help="MCP server: a program and its arguments, as one text.")]
UrlOption = Annotated[str, typer.Option("--mcp-url", help="MCP server: its address, for streamable HTTP.")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", help="HEADER=VARIABLE: a header, and the variable that holds its value; repeatable."),
]
VariableOption = Annotated[
    list[str] | None, typer.Option("--env-from", help="Variable that the program is started with; repeatable.")
]
StateToolOption = Annotated[str, typer.Option("--state-tool", help="Tool of the MCP server that returns its state.")]
ModuleOption = Annotated[str, typer.Option("--module", help="Python module: FILE.py:FUNCTION or MODULE:FUNCTION.")]
NetworkOption = Annotated[bool, typer.Option("--network", help="It may reach the network.")]
SecondsOption = Annotated[float, typer.Option("--seconds", min=0.1, help="Most seconds that it may take.")]

app = new_app("Tool environments: list the built-in worlds, show the tools of any, and call them. Needs no server.")


@app.command("list")
def list_environments(form: FormatOption = Format.TABLE) -> None:
    """List the built-in worlds, from easy to hard.

    Example: spiritsafe environment list
    """
    from distill.environments.registry import ENVIRONMENTS

    rows = [
        {"name": name, "tools": len(built_in.create().tools()), "categories": list(built_in.categories)}
        for name, built_in in ENVIRONMENTS.items()
    ]
    if form is Format.JSON:
        output.print_json({"environments": rows})
    else:
        output.console().print(output.table(rows, ("name", "tools", "categories")))


@app.command("show")
def show(
    name: NameArgument = "",
    mcp: McpOption = "",
    mcp_url: UrlOption = "",
    header: HeaderOption = None,
    env_from: VariableOption = None,
    state_tool: StateToolOption = "",
    module: ModuleOption = "",
    network: NetworkOption = False,
    seconds: SecondsOption = 30.0,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the tools of an environment, with their schemas.

    Example: spiritsafe environment show --module my_shop.py:create
    """
    from distill.environments.sandbox import NotExecuted, Sandbox
    from distill.trajectories.calls import tool_to_json

    definition = _definition(mcp, mcp_url, header, env_from, state_tool, module)
    name, setup = _setup(name, definition, network, seconds)
    with Sandbox(setup) as sandbox:
        tools = sandbox.tools(name)
    if isinstance(tools, NotExecuted):
        _fail(tools, form)
    elif form is Format.JSON:
        output.print_json({"environment": name, "tools": [tool_to_json(tool) for tool in tools]})
    else:
        rows = [{**tool_to_json(tool), "parameters": json.dumps(dict(tool.parameters))} for tool in tools]
        output.console().print(output.table(rows, ("name", "description", "parameters")))


@app.command("call")
def call(
    calls: Annotated[list[str], typer.Argument(help='Calls in order, each {"name": ..., "arguments": {...}}.')],
    name: Annotated[str, typer.Option("--environment", help="A built-in world.")] = "",
    mcp: McpOption = "",
    mcp_url: UrlOption = "",
    header: HeaderOption = None,
    env_from: VariableOption = None,
    state_tool: StateToolOption = "",
    module: ModuleOption = "",
    network: NetworkOption = False,
    seconds: SecondsOption = 30.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the world.")] = 0,
    form: FormatOption = Format.TABLE,
) -> None:
    """Run calls in the world of a seed; exit code 1 where the environment fails, with the reason.

    Example: spiritsafe environment call '{"name": "list_tickets", "arguments": {}}' --environment support_desk --seed 1
    """
    from distill.environments.execution import Job, outcome_to_json
    from distill.environments.sandbox import NotExecuted, run_jobs

    definition = _definition(mcp, mcp_url, header, env_from, state_tool, module)
    name, setup = _setup(name, definition, network, seconds)
    wanted = tuple(map(_call, calls))
    (found,) = run_jobs([Job(name, seed, wanted)], seconds, setup)
    if isinstance(found, NotExecuted):
        _fail(found, form)
        return
    outcomes = [outcome_to_json(one) for one in found.outcomes]
    if form is Format.JSON:
        output.print_json({"environment": name, "outcomes": outcomes, "final_state": found.final_state})
        return
    rows = [{"call": one.name, "outcome": json.dumps(row)} for one, row in zip(wanted, outcomes, strict=True)]
    output.console().print(output.table(rows, ("call", "outcome")))


def _definition(
    mcp: str, url: str, headers: list[str] | None, env_from: list[str] | None, state_tool: str, module: str
) -> Definition | None:
    """What the options define; None where they define nothing."""
    from distill.environments.definitions import McpServer, PythonModule

    definition: Definition | None = None
    if mcp or url:
        command = tuple(shlex.split(mcp))
        definition = McpServer(command, {}, tuple(env_from or ()), url, dict(map(_header, headers or ())), state_tool)
    elif module:
        source, _, factory = module.rpartition(":")
        definition = PythonModule(source, factory) if source else PythonModule(module)
    for field, problem in definition.problems() if definition else ():
        raise invalid(field, problem)
    return definition


def _setup(name: str, definition: Definition | None, network: bool, seconds: float) -> tuple[str, Setup]:
    from distill.environments.definitions import Setup
    from distill.environments.limits import Limits

    if bool(name) == (definition is not None):
        raise invalid("environment", "name a built-in world, or use one of --mcp, --mcp-url and --module")
    limits = Limits(seconds=seconds, network=network)
    return (_CUSTOM, Setup({_CUSTOM: definition}, limits)) if definition else (name, Setup())


def _call(text: str) -> ToolCall:
    from distill.trajectories.calls import CallError, call_from_json, loads

    try:
        return call_from_json(loads(text))
    except CallError as error:
        raise invalid("call", f"{text!r}: {error}") from error


def _header(text: str) -> tuple[str, str]:
    header, equals, variable = text.partition("=")
    if not (header and equals and variable):
        raise invalid("header", f"{text!r} is not HEADER=VARIABLE", "for example --header Authorization=SHOP_TOKEN")
    return header, variable


def _fail(found: NotExecuted, form: Format) -> None:
    """Print why nothing was run, and leave with the code for that."""
    failure: dict[str, Any] = {"failure": found.code, "reason": found.reason}
    output.print_data(form, failure)
    raise typer.Exit(exits.FAILED)
