"""Sub-commands that are imported when they are used, so that help and errors of usage answer at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command lives, as "module:attribute" of a typer app, and the help that is shown without importing it."""

    target: str
    help: str

    def load(self) -> Any:
        module, _, attribute = self.target.partition(":")
        command = get_command(getattr(importlib.import_module(module), attribute))
        command.help = command.help or self.help
        return command


class LazyGroup(TyperGroup):
    """A group whose commands are placeholders until one of them is called."""

    lazy: Mapping[str, Lazy] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.lazy.items():
            self.add_command(TyperCommand(name, callback=None, help=entry.help, rich_markup_mode=None), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        entry = self.lazy.get(name or "")
        if entry is None:
            return name, command, rest
        loaded = entry.load()
        loaded.name = name
        return name, loaded, rest


def app(help_text: str = "", **settings: Any) -> typer.Typer:
    """A typer app in the house style: plain help that starts fast, and help where arguments are missing."""
    settings.setdefault("no_args_is_help", True)
    return typer.Typer(
        help=help_text or None, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, **settings
    )
