"""The workspace: what each tool does, and how it refuses."""

from __future__ import annotations

import pytest

from distill.environments.workspace.world import File
from tests.distill.environments.worlds import Played


@pytest.fixture
def play() -> Played:
    """A small tree instead of the seed's."""
    played = Played("workspace", 12)
    world = played.world
    world.folders, world.archives = ["/a", "/a/b", "/empty"], {"/old.zip": {"x.txt": "one", "in/y.txt": "two"}}
    world.files = {
        "/a/one.txt": File("red\nblue\ngreen"),
        "/a/b/two.md": File("blue sky"),
        "/locked.txt": File("keep", writable=False),
    }
    world.quota = 100
    return played


def test_folders_are_listed_and_made(play: Played) -> None:
    assert play("list_folder", path="/a")["entries"] == ["/a/b", "/a/one.txt"]
    assert play("list_folder", path="/a", recursive=True)["entries"] == ["/a/b", "/a/b/two.md", "/a/one.txt"]
    assert "/locked.txt" in play("list_folder", path="/")["entries"]
    assert play.refused("list_folder", path="/none") == "not_found"
    assert play("make_folder", path="/a/new") == {"path": "/a/new"}
    assert play.refused("make_folder", path="/a/new") == "conflict"
    assert play.refused("make_folder", path="/none/new") == "not_found"
    assert play.refused("make_folder", path="relative") == "invalid_arguments"
    assert play.refused("make_folder", path="/a/..") == "invalid_arguments"


def test_files_are_read(play: Played) -> None:
    assert play("read_file", path="/a/one.txt")["content"] == "red\nblue\ngreen"
    assert play("head", path="/a/one.txt", lines=2)["lines"] == ["red", "blue"]
    assert play("count", path="/a/one.txt")["count"] == 3
    assert play("count", path="/a/b/two.md", unit="words")["count"] == 2
    assert play("count", path="/a/b/two.md", unit="characters")["count"] == 8
    for tool in ("read_file", "head", "count"):
        assert play.refused(tool, path="/none") == "not_found"
        assert play.refused(tool, path="/a") == "conflict"
    assert play.refused("head", path="/a/one.txt", lines=0) == "invalid_arguments"


def test_files_are_written_within_the_quota(play: Played) -> None:
    assert play("write_file", path="/new.txt", content="hello")["bytes"] == 5
    assert play.refused("write_file", path="/new.txt", content="again") == "conflict"
    play("write_file", path="/new.txt", content="again", overwrite=True)
    assert play("append_line", path="/new.txt", line="more")["lines"] == 2
    assert play("read_file", path="/new.txt")["content"] == "again\nmore"
    assert play.refused("write_file", path="/big.txt", content="x" * 100) == "limit_exceeded"
    assert play.refused("append_line", path="/new.txt", line="x" * 100) == "limit_exceeded"
    assert play.refused("write_file", path="/none/new.txt", content="x") == "not_found"
    assert play.refused("write_file", path="/locked.txt", content="x", overwrite=True) == "permission_denied"
    assert play.refused("append_line", path="/locked.txt", line="x") == "permission_denied"
    assert play.refused("append_line", path="/new.txt", line="two\nlines") == "invalid_arguments"
    assert play("disk_usage") == {"folder": "/", "bytes": 36, "free": 64}
    assert play("disk_usage", folder="/a")["bytes"] == 22
    assert play.refused("disk_usage", folder="/none") == "not_found"


def test_things_are_moved_copied_and_deleted(play: Played) -> None:
    assert play("move", source="/a/b", target="/c") == {"path": "/c"}
    assert play("read_file", path="/c/two.md")["content"] == "blue sky"
    assert play.refused("read_file", path="/a/b/two.md") == "not_found"
    assert play.refused("move", source="/c", target="/c/d") == "conflict"
    assert play.refused("move", source="/a/one.txt", target="/locked.txt") == "conflict"
    assert play.refused("move", source="/locked.txt", target="/open.txt") == "permission_denied"
    assert play.refused("move", source="/", target="/d") == "not_found"
    assert play("move", source="/old.zip", target="/a/old.zip") == {"path": "/a/old.zip"}
    assert play("copy", source="/locked.txt", target="/copy.txt") == {"path": "/copy.txt"}
    play("append_line", path="/copy.txt", line="x")
    assert play.refused("copy", source="/copy.txt", target="/locked.txt") == "conflict"
    play.world.quota = 0
    assert play.refused("copy", source="/copy.txt", target="/other.txt") == "limit_exceeded"
    assert play.refused("delete", path="/c") == "conflict"
    assert play("delete", path="/c", recursive=True)["deleted"] == ["/c", "/c/two.md"]
    assert play("delete", path="/empty")["deleted"] == ["/empty"]
    assert play.refused("delete", path="/locked.txt") == "permission_denied"
    assert play.refused("delete", path="/none") == "not_found"


def test_files_and_lines_are_found_and_compared(play: Played) -> None:
    assert play("find_files", pattern="*.txt")["paths"] == ["/a/one.txt", "/locked.txt"]
    assert play("find_files", pattern="two.*", folder="/a")["paths"] == ["/a/b/two.md"]
    assert play("grep", phrase="blue")["matches"] == [
        {"path": "/a/b/two.md", "line": 1, "content": "blue sky"},
        {"path": "/a/one.txt", "line": 2, "content": "blue"},
    ]
    assert play("grep", phrase="keep", folder="/a")["matches"] == []
    assert play.refused("grep", phrase="blue", folder="/none") == "not_found"
    assert play.refused("find_files", pattern="") == "invalid_arguments"
    assert play("diff", left="/a/b/two.md", right="/locked.txt")["diff"][-2:] == ["-blue sky", "+keep"]
    assert play.refused("diff", left="/a", right="/locked.txt") == "conflict"


def test_permissions_and_order_are_set(play: Played) -> None:
    assert play.refused("set_permission", path="/locked.txt", mode="read_only") == "conflict"
    assert play("set_permission", path="/locked.txt", mode="read_write")["mode"] == "read_write"
    play("append_line", path="/locked.txt", line="x")
    assert play.refused("set_permission", path="/locked.txt", mode="rwx") == "invalid_arguments"
    play("sort_lines", path="/a/one.txt")
    assert play("head", path="/a/one.txt", lines=1)["lines"] == ["blue"]
    play("sort_lines", path="/a/one.txt", order="descending")
    assert play("head", path="/a/one.txt", lines=1)["lines"] == ["red"]
    play("set_permission", path="/a/one.txt", mode="read_only")
    assert play.refused("sort_lines", path="/a/one.txt") == "permission_denied"


def test_archives_are_packed_and_unpacked(play: Played) -> None:
    assert play("pack", folder="/a", archive="/a.zip") == {"archive": "/a.zip", "entries": 2}
    assert play("unpack", archive="/a.zip", target="/again") == {"path": "/again", "files": 2}
    assert play("read_file", path="/again/b/two.md")["content"] == "blue sky"
    assert "/again/b" in play("list_folder", path="/again")["entries"]
    assert play.refused("pack", folder="/empty", archive="/e.zip") == "conflict"
    assert play.refused("pack", folder="/none", archive="/e.zip") == "not_found"
    assert play.refused("unpack", archive="/none.zip", target="/e") == "not_found"
    assert play.refused("unpack", archive="/a.zip", target="/again") == "conflict"
    play.world.quota = 0
    assert play.refused("unpack", archive="/old.zip", target="/more") == "limit_exceeded"
