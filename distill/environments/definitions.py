"""Environments that do not ship with the service, as data: an MCP server, or a Python module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from distill.environments.limits import Limits
from distill.trajectories.types import JsonValue

SEED_VARIABLE = "SPIRITSAFE_SEED"
"""In it a server that is started for a job finds the job's seed."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of the Model Context Protocol: a program that is started for each job, or an address.

    Secrets are named, never held: a definition is part of recipes and of results.

    Attributes:
        command: program and arguments; it speaks MCP on standard input and output.
        env: variables that it is started with.
        env_from: variables of the worker that it is started with as well.
        url: address of a server that speaks streamable HTTP.
        headers_from: HTTP headers, each with the name of the worker's variable that holds its value.
        state_tool: a tool without arguments that returns the world's state. It is not offered to models.
    """

    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_from: tuple[str, ...] = ()
    url: str = ""
    headers_from: Mapping[str, str] = field(default_factory=dict)
    state_tool: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The worker's variables that it needs."""
        return (*self.env_from, *self.headers_from.values())

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> McpServer:
        """Read what ``dataclasses.asdict`` made, also after a way through JSON."""
        return cls(**{**row, "command": tuple(row["command"]), "env_from": tuple(row["env_from"])})

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with it, by field."""
        if bool(self.command) == bool(self.url):
            yield "command", "set either the command of a program, or the url of a server"
        if self.url and not (urlsplit(self.url).scheme in ("http", "https") and urlsplit(self.url).hostname):
            yield "url", f"{self.url!r} is no http or https address"
        if self.url and (self.env or self.env_from):
            yield "env", "belongs to a program; a server at a url has its own"
        if self.url and urlsplit(self.url).password:
            yield "url", "holds a password; name a variable in headers_from instead"
        if self.headers_from and not self.url:
            yield "headers_from", "belongs to a url"


@dataclass(frozen=True, slots=True)
class PythonModule:
    """A user's Python module with a function that creates a ToolEnvironment.

    ``source`` is the path of a ``.py`` file, or the dotted name of a module that the worker could import.
    """

    source: str
    factory: str = "create"

    @property
    def is_file(self) -> bool:
        return self.source.endswith(".py")

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with it, by field."""
        if not self.is_file and not all(map(str.isidentifier, self.source.split("."))):
            yield "source", f"{self.source!r} is neither the path of a .py file nor the dotted name of a module"
        if not self.factory.isidentifier():
            yield "factory", f"{self.factory!r} is no name of a function"


Definition = McpServer | PythonModule


def definition_to_json(definition: Definition) -> dict[str, JsonValue]:
    """``{"mcp": {...}}`` or ``{"module": {...}}``."""
    values: dict[str, Any] = asdict(definition)
    if isinstance(definition, PythonModule):
        return {"module": values}
    return {"mcp": {**values, "command": list(definition.command), "env_from": list(definition.env_from)}}


def definition_from_json(row: Mapping[str, Any]) -> Definition:
    """Read what ``definition_to_json`` wrote."""
    if "module" in row:
        return PythonModule(**row["module"])
    return McpServer.from_json(row["mcp"])


@dataclass(frozen=True, slots=True)
class Setup:
    """What a sandbox runs: environments by name, beside the built-in worlds, and within which limits."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def only_built_in(self) -> bool:
        """Whether all code that it runs is our own."""
        return not self.definitions

    @property
    def without_network(self) -> bool:
        """Whether it must be cut off from networks. A client of a server elsewhere is our own code, and needs one."""
        remote = [one for one in self.definitions.values() if isinstance(one, McpServer) and one.url]
        return not self.limits.network and not remote

    @property
    def bounds_address_space(self) -> bool:
        """Whether address space is bounded as well: servers' runtimes reserve far more of it than they use."""
        return not any(isinstance(one, McpServer) for one in self.definitions.values())

    def to_json(self) -> dict[str, JsonValue]:
        """As JSON values."""
        definitions: dict[str, JsonValue] = {
            name: definition_to_json(definition) for name, definition in self.definitions.items()
        }
        return {"definitions": definitions, "limits": self.limits.to_json()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Setup:
        """Read what ``to_json`` wrote."""
        definitions = {name: definition_from_json(one) for name, one in row["definitions"].items()}
        return cls(definitions, Limits.from_json(row["limits"]))
