"""Values for the tools of the workspace, with which a call mostly succeeds."""

from __future__ import annotations

from collections.abc import Mapping

from distill.environments.scenarios.content import Draw, Draws, Values
from distill.environments.workspace.tools import MODES, ORDERS, UNITS
from distill.environments.workspace.world import FOLDERS, NAMES, ROOT, SUFFIXES, WORDS, World, joined, parent, size


def _file(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice(list(world.files))


def _writable(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice([path for path, file in world.files.items() if file.writable])


def _folder(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice(world.folders)


def _filled(draws: Draws) -> str:
    """A folder with files right in it."""
    return draws.rng.choice(sorted({parent(path) for path in draws.world.files} - {ROOT}))


def _new_file(draws: Draws) -> str:
    name = f"{draws.rng.choice(NAMES[draws.split])}.{draws.rng.choice(SUFFIXES)}"
    return joined(draws.rng.choice([ROOT, *draws.world.folders]), name)


def _new_folder(draws: Draws) -> str:
    return joined(draws.rng.choice([ROOT, *draws.world.folders]), draws.rng.choice(FOLDERS[draws.split]))


def _text(draws: Draws) -> str:
    return " ".join(draws.rng.sample(WORDS[draws.split], draws.rng.randint(2, 3)))


def _find_files(draws: Draws) -> Values:
    path = _file(draws)
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return {"pattern": draws.rng.choice((name, f"{stem}.*")), "folder": folder or ROOT}


def _grep(draws: Draws) -> Values:
    path = _file(draws)
    return {"phrase": draws.rng.choice(draws.world.files[path].content.split("\n")), "folder": parent(path)}


def _diff(draws: Draws) -> Values:
    left, right = draws.rng.sample(list(draws.world.files), 2)
    return {"left": left, "right": right}


def _set_permission(draws: Draws) -> Values:
    path = str(draws.given.get("path") or _file(draws))
    return {"path": path, "mode": MODES[not draws.world.files[path].writable]}


def _pack(draws: Draws) -> Values:
    return {"folder": _filled(draws), "archive": f"{_new_folder(draws)}.zip"}


def _move(draws: Draws) -> Values:
    source = _writable(draws)
    name = source.rpartition("/")[2]
    targets = [joined(folder, name) for folder in [ROOT, *draws.world.folders]]
    return {"source": source, "target": draws.rng.choice([_new_file(draws), draws.rng.choice(targets)])}


DRAWS: Mapping[str, Draw] = {
    "list_folder": lambda draws: {"path": _folder(draws), "recursive": True},
    "read_file": lambda draws: {"path": _file(draws)},
    "head": lambda draws: {"path": _file(draws), "lines": draws.rng.randint(1, 4)},
    "write_file": lambda draws: {"path": _new_file(draws), "content": _text(draws), "overwrite": True},
    "append_line": lambda draws: {"path": _writable(draws), "line": _text(draws)},
    "make_folder": lambda draws: {"path": _new_folder(draws)},
    "move": _move,
    "copy": lambda draws: {"source": _file(draws), "target": _new_file(draws)},
    "delete": lambda draws: {"path": _writable(draws), "recursive": True},
    "find_files": _find_files,
    "grep": _grep,
    "diff": _diff,
    "set_permission": _set_permission,
    "disk_usage": lambda draws: {"folder": _folder(draws)},
    "pack": _pack,
    "unpack": lambda draws: {"archive": draws.rng.choice(list(draws.world.archives)), "target": _new_folder(draws)},
    "count": lambda draws: {"path": _file(draws), "unit": draws.rng.choice(UNITS)},
    "sort_lines": lambda draws: {"path": _writable(draws), "order": draws.rng.choice(ORDERS)},
}


def taken_target(draws: Draws) -> list[Values]:
    """A move to where a file is already, and then to where none is."""
    source = _writable(draws)
    taken = draws.rng.choice([path for path in draws.world.files if path != source])
    return [{"source": source, "target": taken}, {"source": source, "target": _new_file(draws)}]


def full_folder(draws: Draws) -> list[Values]:
    """A folder that is not empty, and then with all that it has."""
    folder = _filled(draws)
    return [{"path": folder}, {"path": folder, "recursive": True}]


def locked_file(draws: Draws) -> list[Values]:
    """A line for a file that is read-only until it is made writable."""
    world: World = draws.world
    path = draws.rng.choice([path for path, file in world.files.items() if not file.writable])
    line: Values = {"path": path, "line": _text(draws)}
    return [line, {"path": path, "mode": "read_write"}, line]


def no_space(draws: Draws) -> list[Values]:
    """A file for which there is room only once another one is gone."""
    world: World = draws.world
    path = _writable(draws)
    content = _text(draws)
    while size(content) <= world.quota - world.used() and size(content) < 60:
        content = f"{content} {_text(draws)}"
    new: Values = {"path": _new_file(draws), "content": content}
    return [new, {"path": path}, new]


def no_such_file(draws: Draws) -> list[Values]:
    """A file that is not there, and then one that is."""
    return [{"path": _new_file(draws)}, {"path": _file(draws)}]
