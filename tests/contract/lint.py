"""The rules of buf's STANDARD category that the contract can break, over descriptors, for machines without buf.

Each rule yields one line for each violation. Names and meaning of the rules: https://buf.build/docs/lint/rules
Unused imports are left out: the compiler itself warns of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.v[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Item:
    """A descriptor with its name and its location path in the file's source info."""

    name: str
    path: tuple[int, ...]
    proto: DescriptorProto | EnumDescriptorProto


def violations(files: list[FileDescriptorProto]) -> list[str]:
    """Every violation in the files, as "file: what"."""
    found = [f"{file.name}: {problem}" for file in files for rule in _RULES for problem in rule(file)]
    return found + list(_rpc_types_shared(files))


def messages(file: FileDescriptorProto) -> Iterator[Item]:
    """Messages at every depth; map entries are the compiler's own."""
    queue = [Item(message.name, (4, index), message) for index, message in enumerate(file.message_type)]
    while queue:
        item = queue.pop(0)
        assert isinstance(item.proto, DescriptorProto)
        if item.proto.options.map_entry:
            continue
        yield item
        queue += [
            Item(f"{item.name}.{nested.name}", (*item.path, 3, index), nested)
            for index, nested in enumerate(item.proto.nested_type)
        ]


def enums(file: FileDescriptorProto) -> Iterator[Item]:
    """Enums at every depth."""
    for index, enum in enumerate(file.enum_type):
        yield Item(enum.name, (5, index), enum)
    for item in messages(file):
        assert isinstance(item.proto, DescriptorProto)
        for index, enum in enumerate(item.proto.enum_type):
            yield Item(f"{item.name}.{enum.name}", (*item.path, 4, index), enum)


def fields(file: FileDescriptorProto) -> Iterator[tuple[Item, int, FieldDescriptorProto]]:
    """Every field with its message and its position."""
    for item in messages(file):
        assert isinstance(item.proto, DescriptorProto)
        for index, field in enumerate(item.proto.field):
            yield item, index, field


def _files(file: FileDescriptorProto) -> Iterator[str]:
    folder, _, name = file.name.rpartition("/")
    if not _PACKAGE.fullmatch(file.package):
        yield f"package {file.package!r} is not lower_snake_case with a version (PACKAGE_VERSION_SUFFIX)"
    if folder != file.package.replace(".", "/"):
        yield f"package {file.package} belongs into its own folder (PACKAGE_DIRECTORY_MATCH)"
    if not _SNAKE.fullmatch(name.removesuffix(".proto")):
        yield "file name is not lower_snake_case (FILE_LOWER_SNAKE_CASE)"
    if file.syntax != "proto3":
        yield "syntax is not given (SYNTAX_SPECIFIED)"
    if file.public_dependency or file.weak_dependency:
        yield "public or weak import (IMPORT_NO_PUBLIC, IMPORT_NO_WEAK)"


def _messages(file: FileDescriptorProto) -> Iterator[str]:
    for item in messages(file):
        if not _PASCAL.fullmatch(item.proto.name):
            yield f"{item.name} is not PascalCase (MESSAGE_PASCAL_CASE)"
        assert isinstance(item.proto, DescriptorProto)
        for oneof in item.proto.oneof_decl:
            if not _SNAKE.fullmatch(oneof.name.removeprefix("_")):
                yield f"{item.name}.{oneof.name} is not lower_snake_case (ONEOF_LOWER_SNAKE_CASE)"
    for item, _, field in fields(file):
        if not _SNAKE.fullmatch(field.name):
            yield f"{item.name}.{field.name} is not lower_snake_case (FIELD_LOWER_SNAKE_CASE)"


def _enums(file: FileDescriptorProto) -> Iterator[str]:
    for item in enums(file):
        enum = item.proto
        assert isinstance(enum, EnumDescriptorProto)
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"
        if not _PASCAL.fullmatch(enum.name):
            yield f"{item.name} is not PascalCase (ENUM_PASCAL_CASE)"
        if enum.options.allow_alias:
            yield f"{item.name} allows aliases (ENUM_NO_ALLOW_ALIAS)"
        if (enum.value[0].number, enum.value[0].name) != (0, f"{prefix}UNSPECIFIED"):
            yield f"{item.name} does not begin with {prefix}UNSPECIFIED = 0 (ENUM_ZERO_VALUE_SUFFIX)"
        for value in enum.value:
            if not _UPPER_SNAKE.fullmatch(value.name) or not value.name.startswith(prefix):
                yield f"{value.name} is not UPPER_SNAKE_CASE with the prefix {prefix} (ENUM_VALUE_PREFIX)"


def _services(file: FileDescriptorProto) -> Iterator[str]:
    for service in file.service:
        if not _PASCAL.fullmatch(service.name) or not service.name.endswith("Service"):
            yield f"{service.name} is not PascalCase with the suffix Service (SERVICE_SUFFIX)"
        yield from _methods(service)


def _methods(service: ServiceDescriptorProto) -> Iterator[str]:
    for method in service.method:
        if not _PASCAL.fullmatch(method.name):
            yield f"{service.name}.{method.name} is not PascalCase (RPC_PASCAL_CASE)"
        for kind, used in (("Request", method.input_type), ("Response", method.output_type)):
            if used.rpartition(".")[2] not in (method.name + kind, service.name + method.name + kind):
                yield f"{service.name}.{method.name} takes or gives {used} (RPC_{kind.upper()}_STANDARD_NAME)"


def _rpc_types_shared(files: list[FileDescriptorProto]) -> Iterator[str]:
    seen: set[str] = set()
    for method in (method for file in files for service in file.service for method in service.method):
        for used in (method.input_type, method.output_type):
            if used in seen:
                yield f"{used} is used by two methods (RPC_REQUEST_RESPONSE_UNIQUE)"
            seen.add(used)


_RULES = (_files, _messages, _enums, _services)
