"""What in one contract breaks clients of another, over descriptors, for machines without buf.

The rules are those of buf's FILE category that this contract can break: what is generated from it goes on compiling,
and what was sent or stored goes on being read. https://buf.build/docs/breaking/rules
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

_TYPE, _LABEL = FieldDescriptorProto.Type, FieldDescriptorProto.Label


def breaks(released: Iterable[FileDescriptorProto], now: Iterable[FileDescriptorProto]) -> list[str]:
    """Every break, as "file: what"; files of other packages, which the image holds as well, are left out."""
    files = {file.name: file for file in now}
    found = []
    for old in released:
        if not old.package.startswith("spiritsafe."):
            continue
        new = files.get(old.name)
        problems = ["the file was removed"] if new is None else _file(old, new)
        found += [f"{old.name}: {problem}" for problem in problems]
    return found


def _file(old: FileDescriptorProto, new: FileDescriptorProto) -> Iterator[str]:
    if old.package != new.package:
        yield f"package {old.package} is now {new.package}"
    yield from _each("message", old.message_type, new.message_type, _message)
    yield from _each("enum", old.enum_type, new.enum_type, _enum)
    yield from _each("service", old.service, new.service, _service)


def _each(what: str, old: Iterable[Any], new: Iterable[Any], compare: Callable[[Any, Any], Iterator[str]]) -> list[str]:
    """What is missing by its name, and what ``compare`` says of each of the others."""
    kept: Mapping[str, Any] = {one.name: one for one in new}
    found = []
    for one in old:
        if one.name not in kept:
            found.append(f"{what} {one.name} was removed")
        else:
            found += [f"{one.name}{problem}" for problem in compare(one, kept[one.name])]
    return found


def _message(old: DescriptorProto, new: DescriptorProto) -> Iterator[str]:
    fields = {field.number: field for field in new.field}
    oneofs = [one.name for one in old.oneof_decl], [one.name for one in new.oneof_decl]
    for field in old.field:
        kept = fields.get(field.number)
        if kept is None:
            moved = [one.number for one in new.field if one.name == field.name]
            yield f".{field.name} = {field.number} " + (f"is now number {moved[0]}" if moved else "was removed")
            continue
        if kept.name != field.name:
            yield f".{field.name} = {field.number} is now called {kept.name}"
        if _shape(kept) != _shape(field):
            yield f".{field.name} was {_shape(field)} and is now {_shape(kept)}"
        if _oneof(field, oneofs[0]) != _oneof(kept, oneofs[1]):
            yield f".{field.name} moved into or out of a oneof"
    for problem in _each("message", old.nested_type, new.nested_type, _message):
        yield f".{problem}"
    for problem in _each("enum", old.enum_type, new.enum_type, _enum):
        yield f".{problem}"


def _shape(field: FieldDescriptorProto) -> str:
    label = "repeated " if field.label == _LABEL.LABEL_REPEATED else "optional " if field.proto3_optional else ""
    return label + (field.type_name.removeprefix(".") or _TYPE.Name(field.type).removeprefix("TYPE_").lower())


def _oneof(field: FieldDescriptorProto, names: list[str]) -> str:
    return names[field.oneof_index] if field.HasField("oneof_index") and not field.proto3_optional else ""


def _enum(old: EnumDescriptorProto, new: EnumDescriptorProto) -> Iterator[str]:
    values = {value.number: value.name for value in new.value}
    for value in old.value:
        name = values.get(value.number)
        if name is None:
            yield f": {value.name} = {value.number} was removed or has another number"
        elif name != value.name:
            yield f": {value.name} = {value.number} is now called {name}"


def _service(old: ServiceDescriptorProto, new: ServiceDescriptorProto) -> Iterator[str]:
    methods = {method.name: method for method in new.method}
    for method in old.method:
        kept = methods.get(method.name)
        if kept is None:
            yield f".{method.name} was removed"
            continue
        for what in ("input_type", "output_type", "client_streaming", "server_streaming"):
            if getattr(method, what) != getattr(kept, what):
                yield f".{method.name}: {what} was {getattr(method, what)} and is now {getattr(kept, what)}"
