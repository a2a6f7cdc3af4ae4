"""Tools of the workspace: their specifications and what they do to a world."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import Any

from distill.environments.tools import ToolRefusedError, by_name, choice, find, flag, text, tool, whole
from distill.environments.workspace.world import ROOT, File, World, joined, parent, size

UNITS = ("lines", "words", "characters")
ORDERS = ("ascending", "descending")
MODES = ("read_only", "read_write")


def _file(world: World, path: str) -> File:
    if world.is_folder(path):
        raise ToolRefusedError("conflict", f"{path} is a folder; name a file in it")
    return find(world.files, "file", path)


def _writable(world: World, path: str) -> File:
    file = _file(world, path)
    if not file.writable:
        raise ToolRefusedError("permission_denied", f"{path} is read-only; set its permission first")
    return file


def _folder(world: World, path: str) -> str:
    if not world.is_folder(path):
        raise ToolRefusedError("not_found", f"there is no folder {path}; make it first")
    return path


def _require_new(world: World, path: str) -> None:
    _folder(world, parent(path))
    if world.taken(path):
        raise ToolRefusedError("conflict", f"{path} exists already; choose another path")


def _require_space(world: World, more: int) -> None:
    free = world.quota - world.used()
    if more > free:
        raise ToolRefusedError("limit_exceeded", f"{more} bytes more exceed the quota; {free} are free")


def _require_changeable(world: World, paths: list[str]) -> None:
    for path in paths:
        if path in world.files:
            _writable(world, path)


def _existing(world: World, path: str) -> list[str]:
    """The path with all that lies below it."""
    if path == ROOT or not world.taken(path):
        raise ToolRefusedError("not_found", f"there is nothing to move or delete at {path}; check the path")
    return [path, *(world.below(path) if world.is_folder(path) else ())]


def list_folder(world: World, path: str, recursive: bool = False) -> dict[str, Any]:
    below = world.below(_folder(world, path))
    return {"path": path, "entries": [each for each in below if recursive or parent(each) == path]}


def read_file(world: World, path: str) -> dict[str, Any]:
    return {"path": path, "content": _file(world, path).content}


def head(world: World, path: str, lines: int = 10) -> dict[str, Any]:
    return {"path": path, "lines": _file(world, path).content.split("\n")[:lines]}


def write_file(world: World, path: str, content: str, overwrite: bool = False) -> dict[str, Any]:
    if overwrite and path in world.files:
        before = size(_writable(world, path).content)
    else:
        _require_new(world, path)
        before = 0
    _require_space(world, size(content) - before)
    world.files[path] = File(content)
    return {"path": path, "bytes": size(content)}


def append_line(world: World, path: str, line: str) -> dict[str, Any]:
    file = _writable(world, path)
    more = f"\n{line}" if file.content else line
    _require_space(world, size(more))
    file.content += more
    return {"path": path, "lines": file.content.count("\n") + 1}


def make_folder(world: World, path: str) -> dict[str, Any]:
    _require_new(world, path)
    world.folders = sorted([*world.folders, path])
    return {"path": path}


def _renamed(path: str, source: str, target: str) -> str:
    return target + path[len(source) :]


def move(world: World, source: str, target: str) -> dict[str, Any]:
    moved = _existing(world, source)
    _require_new(world, target)
    if target.startswith(f"{source}/"):
        raise ToolRefusedError("conflict", f"{target} lies in {source}; a folder cannot move into itself")
    _require_changeable(world, moved)
    world.folders = sorted(_renamed(path, source, target) if path in moved else path for path in world.folders)
    for table in (world.files, world.archives):
        _rename(table, moved, source, target)
    return {"path": target}


def _rename(table: dict[str, Any], moved: list[str], source: str, target: str) -> None:
    for path in moved:
        if path in table:
            table[_renamed(path, source, target)] = table.pop(path)


def copy(world: World, source: str, target: str) -> dict[str, Any]:
    content = _file(world, source).content
    _require_new(world, target)
    _require_space(world, size(content))
    world.files[target] = File(content)
    return {"path": target}


def delete(world: World, path: str, recursive: bool = False) -> dict[str, Any]:
    gone = _existing(world, path)
    if len(gone) > 1 and not recursive:
        raise ToolRefusedError("conflict", f"{path} is not empty; delete it recursively")
    _require_changeable(world, gone)
    world.folders = [each for each in world.folders if each not in gone]
    for each in gone:
        world.files.pop(each, None)
        world.archives.pop(each, None)
    return {"deleted": gone}


def find_files(world: World, pattern: str, folder: str = ROOT) -> dict[str, Any]:
    below = world.below(_folder(world, folder))
    return {"paths": [path for path in below if path in world.files and fnmatchcase(path.rpartition("/")[2], pattern)]}


def grep(world: World, phrase: str, folder: str = ROOT) -> dict[str, Any]:
    found = [
        {"path": path, "line": number, "content": line}
        for path in world.below(_folder(world, folder))
        if path in world.files
        for number, line in enumerate(world.files[path].content.split("\n"), 1)
        if phrase in line
    ]
    return {"matches": found}


def diff(world: World, left: str, right: str) -> dict[str, Any]:
    before, after = (_file(world, path).content.split("\n") for path in (left, right))
    return {"diff": [*difflib.unified_diff(before, after, left, right, lineterm="", n=0)]}


def set_permission(world: World, path: str, mode: str) -> dict[str, Any]:
    file, writable = _file(world, path), mode == "read_write"
    if file.writable == writable:
        raise ToolRefusedError("conflict", f"{path} is {mode} already")
    file.writable = writable
    return {"path": path, "mode": mode}


def disk_usage(world: World, folder: str = ROOT) -> dict[str, Any]:
    below = world.below(_folder(world, folder))
    used = sum(size(world.files[path].content) for path in below if path in world.files)
    return {"folder": folder, "bytes": used, "free": world.quota - world.used()}


def pack(world: World, folder: str, archive: str) -> dict[str, Any]:
    beginning = len(_folder(world, folder).rstrip("/")) + 1
    _require_new(world, archive)
    entries = {path[beginning:]: world.files[path].content for path in world.below(folder) if path in world.files}
    if not entries:
        raise ToolRefusedError("conflict", f"{folder} has no files to pack")
    world.archives[archive] = entries
    return {"archive": archive, "entries": len(entries)}


def unpack(world: World, archive: str, target: str) -> dict[str, Any]:
    entries = find(world.archives, "archive", archive)
    _require_new(world, target)
    _require_space(world, sum(map(size, entries.values())))
    folders = {target}
    for name, content in entries.items():
        path = joined(target, name)
        world.files[path] = File(content)
        while (path := parent(path)) != target:
            folders.add(path)
    world.folders = sorted({*world.folders, *folders})
    return {"path": target, "files": len(entries)}


def count(world: World, path: str, unit: str = "lines") -> dict[str, Any]:
    content = _file(world, path).content
    counts = {"lines": len(content.split("\n")), "words": len(content.split()), "characters": len(content)}
    return {"path": path, "unit": unit, "count": counts[unit]}


def sort_lines(world: World, path: str, order: str = "ascending") -> dict[str, Any]:
    file = _writable(world, path)
    file.content = "\n".join(sorted(file.content.split("\n"), reverse=order == "descending"))
    return {"path": path, "order": order}


_PATTERN = r"^/$|^(/[A-Za-z0-9._-]*[A-Za-z0-9_-])+$"
_FILE, _FOLDER = text("Path of a file", pattern=_PATTERN), text("Path of a folder", pattern=_PATTERN)
_NEW, _ANY = text("Path that does not exist yet", pattern=_PATTERN), text("Path", pattern=_PATTERN)
_WITHIN = {**_FOLDER, "default": ROOT}
_CONTENT = text("Text", maxLength=10_000)

TOOLS = by_name(
    tool(
        list_folder,
        "List what a folder has.",
        optional=("recursive",),
        path=_FOLDER,
        recursive=flag("Also what its folders have"),
    ),
    tool(read_file, "Read a file.", path=_FILE),
    tool(
        head,
        "Read the first lines of a file.",
        optional=("lines",),
        path=_FILE,
        lines=whole("How many", 1, 100, default=10),
    ),
    tool(
        write_file,
        "Write a file.",
        optional=("overwrite",),
        path=_FILE,
        content=_CONTENT,
        overwrite=flag("Replace a file that exists"),
    ),
    tool(append_line, "Append a line to a file.", path=_FILE, line=text("Line", pattern=r"^[^\n]*$", maxLength=1000)),
    tool(make_folder, "Make a folder.", path=_NEW),
    tool(move, "Move or rename a file or folder.", source=_ANY, target=_NEW),
    tool(copy, "Copy a file.", source=_FILE, target=_NEW),
    tool(
        delete,
        "Delete a file or folder.",
        optional=("recursive",),
        path=_ANY,
        recursive=flag("With all that it has"),
    ),
    tool(
        find_files,
        "Find files by name.",
        optional=("folder",),
        pattern=text("Name, with * for any characters", minLength=1),
        folder=_WITHIN,
    ),
    tool(
        grep, "Find lines that hold a phrase.", optional=("folder",), phrase=text("Phrase", minLength=1), folder=_WITHIN
    ),
    tool(diff, "Compare two files.", left=_FILE, right=_FILE),
    tool(set_permission, "Set whether a file may be changed.", path=_FILE, mode=choice(MODES)),
    tool(disk_usage, "Tell how many bytes files take.", optional=("folder",), folder=_WITHIN),
    tool(pack, "Pack the files of a folder into an archive.", folder=_FOLDER, archive=_NEW),
    tool(unpack, "Unpack an archive into a new folder.", archive=text("Path of an archive"), target=_NEW),
    tool(
        count,
        "Count lines, words or characters of a file.",
        optional=("unit",),
        path=_FILE,
        unit=choice(UNITS, default="lines"),
    ),
    tool(
        sort_lines,
        "Sort the lines of a file.",
        optional=("order",),
        path=_FILE,
        order=choice(ORDERS, default="ascending"),
    ),
)
