"""What scenarios of the workspace are made of."""

from __future__ import annotations

from typing import Any

from distill.environments.scenarios.content import QUOTED, Beyond, Chain, Content, Fallback, Saying, Stage, only
from distill.environments.scenarios.wordings import acts
from distill.environments.workspace import draws, sentences
from distill.environments.workspace.tools import TOOLS
from distill.environments.workspace.world import build_world


def _found(results: Any) -> Any:
    return only([{"path": path} for path in results[0]["paths"]], "path")


def _matched(results: Any) -> Any:
    return only(results[0]["matches"], "path")


def _entry(results: Any) -> Any:
    return only([{"path": path} for path in results[0]["entries"]], "path")


def _copied(results: Any) -> Any:
    return results[1]["path"]


_CHAINS = (
    Chain(
        (Stage("find_files"), Stage("read_file", {"path": _found})),
        acts(
            ("find {pattern} and read it", "read the file {pattern}, wherever it is"),
            ("locate whatever is called {pattern} and quote it",),
        ),
    ),
    Chain(
        (Stage("find_files"), Stage("delete", {"path": _found})),
        acts(
            ("find {pattern} and delete it", "remove the file {pattern}, wherever it is"),
            ("locate whatever is called {pattern} and get rid of it",),
        ),
    ),
    Chain(
        (Stage("find_files"), Stage("move", {"source": _found})),
        acts(
            ("find {pattern} and move it to {target}", "rename the one file {pattern} to {target}"),
            ("locate whatever is called {pattern} and shift it over to {target}",),
        ),
    ),
    Chain(
        (Stage("grep"), Stage("append_line", {"path": _matched})),
        acts(
            ("append the line {line} to the file that holds {phrase}",),
            ("let whatever file has {phrase} written in it end with {line}",),
        ),
    ),
    Chain(
        (Stage("list_folder"), Stage("read_file", {"path": _entry})),
        # Two arguments are named path: what is said is the first one's, and the second one's is in the result.
        acts(
            ("read the one file in {path}", "show me the only file of {path}"), ("quote the single document in {path}",)
        ),
    ),
    Chain(
        (
            Stage("find_files"),
            Stage("set_permission", {"path": _found}),
            Stage("append_line", {"path": _found}),
        ),
        acts(
            ("make the file {pattern} {mode}, wherever it is, and append {line}",),
            ("locate whatever is called {pattern}, turn it into a {mode} one and let it end with {line}",),
        ),
    ),
    Chain(
        (Stage("grep"), Stage("copy", {"source": _matched}), Stage("count", {"path": _copied})),
        acts(
            ("copy the file that holds {phrase} to {target} and count the {unit} there",),
            ("clone whatever has {phrase} written in it into {target} and measure that in {unit}",),
        ),
    ),
    Chain(
        (
            Stage("find_files"),
            Stage("copy", {"source": _found}),
            Stage("sort_lines", {"path": _copied}),
            Stage("head", {"path": _copied}),
        ),
        acts(
            ("copy {pattern} to {target}, sort the copy in {order} order and show its first {lines} lines",),
            ("clone {pattern} into {target}, arrange that {order}, and quote {lines} lines from its start",),
        ),
    ),
)
_FALLBACKS = (
    Fallback(
        ("move", "move"),
        "conflict",
        draws.taken_target,
        acts(
            ("move {source} to {target}, or if that exists to {then_target}",),
            ("shift {source} over to {target}, failing that to {then_target}",),
        ),
    ),
    Fallback(
        ("delete", "delete"),
        "conflict",
        draws.full_folder,
        acts(
            ("delete the folder {path}, and if it is not empty, delete all that it has, too",),
            ("get rid of {path}, at need along with whatever lies in it",),
        ),
    ),
    Fallback(
        ("append_line", "set_permission", "append_line"),
        "permission_denied",
        draws.locked_file,
        acts(
            ("append the line {line} to {path}, and if that is read-only, make it {mode} and try again",),
            ("let {path} end with {line}; should it be protected, turn it into a {mode} one first",),
        ),
    ),
    Fallback(
        ("write_file", "delete", "write_file"),
        "limit_exceeded",
        draws.no_space,
        acts(
            ("write {content} to the new file {path}, and if there is no space, delete {then_path} and try again",),
            ("put {content} into a fresh {path}; sacrifice {then_path} for it when the quota is short",),
        ),
    ),
    Fallback(
        ("read_file", "read_file"),
        "not_found",
        draws.no_such_file,
        acts(
            ("read {path}, or {then_path} if there is no such file",),
            ("let me see what {path} says or, in its absence, {then_path}",),
        ),
    ),
)
_BEYOND = (
    Beyond(
        "read_file",
        acts(
            ("print {path} on paper", "mail {path} to my boss", "run {path} as a program"),
            ("upload {path} to the web",),
        ),
    ),
    Beyond(
        "disk_usage", acts(("burn {folder} on a disc", "share {folder} with my team"), ("encrypt {folder} for me",))
    ),
    Beyond("copy", acts(("translate {source} into French",), ("draw a chart out of {source}",))),
)
_MODES = {"read_only": "read-only", "read_write": "writable"}


CONTENT = Content(
    name="workspace",
    build=build_world,
    tools=TOOLS,
    draws=draws.DRAWS,
    requests=sentences.REQUESTS,
    follow_ups=sentences.FOLLOW_UPS,
    gaps=sentences.GAPS,
    words=sentences.WORDS,
    chains=_CHAINS,
    fallbacks=_FALLBACKS,
    beyond=_BEYOND,
    reading=frozenset(("list_folder", "read_file", "head", "find_files", "grep", "diff", "disk_usage", "count")),
    gives={"move": ("path",), "copy": ("path",), "unpack": ("path",)},
    sayings={
        **dict.fromkeys(("content", "line", "phrase"), QUOTED),
        "recursive": Saying(lambda _value: "recursively", lambda _value: "with what lies deeper"),
        "mode": Saying(str, _MODES.__getitem__),
    },
    substitutes={
        "list_folder": ("find_files", "disk_usage", "grep"),
        "read_file": ("head", "grep", "diff"),
        "head": ("read_file", "grep"),
        "write_file": ("append_line", "copy"),
        "append_line": ("write_file",),
        "move": ("copy", "delete"),
        "copy": ("write_file", "pack", "unpack"),
        "delete": ("move",),
        "find_files": ("list_folder", "grep"),
        "grep": ("read_file", "head", "diff"),
        "diff": ("read_file", "head", "grep"),
        "set_permission": ("delete", "write_file", "copy"),
        "disk_usage": ("count",),
        "count": ("read_file", "grep", "head"),
        "sort_lines": ("write_file",),
        "make_folder": ("unpack",),
    },
)
