"""The files and folders of a seed. Nothing here ever touches a real file system.

Paths are absolute, without a slash at the end; the root is "/". A file is text, and archives are tables of their own,
named by paths, too.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from distill.environments.base import Split
from distill.environments.pools import listed, paired
from distill.environments.seeds import split_of_seed

ROOT = "/"
_FILES, _LOCKED, _FREE_BYTES = 10, 2, (0, 40, 400, 400)
SUFFIXES = ("txt", "md", "csv", "log")
FOLDERS: Mapping[Split, tuple[str, ...]] = {
    "train": listed(
        "reports, drafts, photos, recipes, letters, lectures, invoices, music, backup, garden, taxes, maps"
    ),
    "heldout": listed("journals, sketches, patents, poems, receipts, surveys, exhibits"),
}
NAMES: Mapping[Split, tuple[str, ...]] = {
    "train": tuple(
        name.replace(" ", "-")
        for name in paired(
            "summer, winter, old, new, rough, shared, weekly, yearly, private, sample, travel, team",
            "notes, plan, list, budget, story, summary, figures, agenda, address, diary",
        )
    ),
    "heldout": tuple(
        name.replace(" ", "-")
        for name in paired("autumn, spare, minor, tidal, local, royal", "memo, ledger, essay, roster, glossary, census")
    ),
}
WORDS: Mapping[Split, tuple[str, ...]] = {
    "train": listed(
        "apple, river, stone, cloud, garden, silver, window, paper, copper, forest, bridge, candle, meadow, pepper, "
        "sailor, tunnel, velvet, walnut, yellow, zebra, anchor, basket, cactus, donkey"
    ),
    "heldout": listed(
        "glacier, lantern, orchid, marble, thistle, falcon, harbor, ivory, juniper, kettle, lagoon, mosaic, nectar, "
        "opal, plaza, quiver"
    ),
}


@dataclass(slots=True)
class File:
    """A text file."""

    content: str
    writable: bool = True


@dataclass(slots=True)
class World:
    """The tree. ``quota`` is how many bytes all files may have together; ``folders`` has every folder but the root."""

    quota: int
    folders: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    archives: dict[str, dict[str, str]] = field(default_factory=dict)

    def used(self) -> int:
        """Bytes of all files; archives take none."""
        return sum(size(file.content) for file in self.files.values())

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder."""
        return path == ROOT or path in self.folders

    def taken(self, path: str) -> bool:
        """Whether anything has this path."""
        return self.is_folder(path) or path in self.files or path in self.archives

    def below(self, folder: str) -> list[str]:
        """Paths of all files, folders and archives at any depth below a folder."""
        beginning = folder.rstrip("/") + "/"
        return sorted(path for path in (*self.folders, *self.files, *self.archives) if path.startswith(beginning))


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text.encode())


def parent(path: str) -> str:
    """The folder that a path lies in."""
    return path.rpartition("/")[0] or ROOT


def joined(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def build_world(seed: int) -> World:
    """The initial state for ``seed``: some folders, one of them empty, and files, some read-only."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    split = split_of_seed(seed)
    first, second, third, empty, inner = rng.sample(FOLDERS[split], 5)
    folders = [f"/{first}", f"/{second}", f"/{third}", f"/{empty}", f"/{first}/{inner}"]
    world = World(0, folders)
    full = [folder for folder in folders if folder != f"/{empty}"]
    for number, name in enumerate(rng.sample(NAMES[split], _FILES)):
        # Each folder but one has files, the first ones for sure.
        folder = full[number] if number < len(full) else rng.choice([ROOT, *full])
        path = joined(folder, f"{name}.{rng.choice(SUFFIXES)}")
        lines = [" ".join(rng.sample(WORDS[split], rng.randint(2, 5))) for _ in range(rng.randint(2, 6))]
        world.files[path] = File("\n".join(lines))
    packed = {f"{name}.txt": " ".join(rng.sample(WORDS[split], 3)) for name in rng.sample(NAMES[split], 2)}
    world.archives[joined(f"/{second}", f"{rng.choice(FOLDERS[split])}.zip")] = packed
    for path in rng.sample(list(world.files), _LOCKED):
        world.files[path].writable = False
    world.quota = world.used() + rng.choice(_FREE_BYTES)
    return world
