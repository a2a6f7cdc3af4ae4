"""How users ask for one call of the workspace."""

from __future__ import annotations

from distill.environments.scenarios.wordings import acts

REQUESTS = {
    "list_folder": acts(
        ("list the folder {path}", "show what is in {path}", "list {path} {recursive}"),
        ("tell me what lies in {path}", "name whatever {path} holds, {recursive}"),
    ),
    "read_file": acts(
        ("read {path}", "show me the file {path}", "print the content of {path}"),
        ("let me see what {path} says", "open {path} and quote it"),
    ),
    "head": acts(
        (
            "show the first {lines} lines of {path}",
            "print {lines} lines from the top of {path}",
            "read the beginning of {path}",
        ),
        ("let me see how {path} starts, {lines} lines of it", "quote the opening of {path}"),
    ),
    "write_file": acts(
        (
            "write {content} to the new file {path}",
            "create the file {path} with the text {content}",
            "save {content} as {path}",
        ),
        ("put {content} into a fresh {path}", "have {path} come into being, saying {content}"),
    ),
    "append_line": acts(
        (
            "append the line {line} to {path}",
            "add {line} at the end of {path}",
            "put {line} below the last line of {path}",
        ),
        ("let {path} end with {line}", "extend {path} by one more row: {line}"),
    ),
    "make_folder": acts(
        ("make the folder {path}", "create a folder {path}", "add a new folder {path}"),
        ("set up {path} as an empty directory", "open a directory at {path}"),
    ),
    "move": acts(
        (
            "move {source} to {target}",
            "rename {source} to {target}",
            "move the file {source}, its new path is {target}",
        ),
        ("let {source} live at {target} from now on", "shift {source} over to {target}"),
    ),
    "copy": acts(
        ("copy {source} to {target}", "make a copy of {source} at {target}", "save a second {source} as {target}"),
        ("duplicate {source}, the twin being {target}", "clone {source} into {target}"),
    ),
    "delete": acts(
        ("delete {path}", "remove the file {path}", "throw {path} away"),
        ("get rid of {path}", "see that {path} is gone"),
    ),
    "find_files": acts(
        (
            "find files named {pattern}",
            "find {pattern} in the folder {folder}",
            "look for files called {pattern} below {folder}",
        ),
        ("locate whatever is called {pattern}", "hunt below {folder} for names like {pattern}"),
    ),
    "grep": acts(
        ("find the lines that hold {phrase}", "search the files in {folder} for {phrase}", "grep for {phrase}"),
        ("tell me where {phrase} is written", "hunt below {folder} for the words {phrase}"),
    ),
    "diff": acts(
        ("compare {left} with {right}", "show the difference between {left} and {right}", "diff {left} and {right}"),
        ("tell me how {left} departs from {right}", "hold {left} against {right}"),
    ),
    "set_permission": acts(
        ("make {path} {mode}", "set the permission of {path} to {mode}", "change {path} to {mode}"),
        ("turn {path} into a {mode} one", "see that {path} becomes {mode}"),
    ),
    "disk_usage": acts(
        ("tell how many bytes {folder} takes", "show the disk usage of {folder}", "check how large {folder} is"),
        ("work out how much space {folder} eats", "measure {folder}"),
    ),
    "pack": acts(
        (
            "pack {folder} into the archive {archive}",
            "archive the folder {folder} as {archive}",
            "zip {folder} to {archive}",
        ),
        ("bundle up {folder}, calling it {archive}", "squeeze {folder} into {archive}"),
    ),
    "unpack": acts(
        (
            "unpack {archive} into {target}",
            "extract the archive {archive} to {target}",
            "unzip {archive} to the new folder {target}",
        ),
        ("spread the content of {archive} out in {target}", "open up {archive} under {target}"),
    ),
    "count": acts(
        ("count the {unit} of {path}", "tell how many {unit} {path} has", "give me the number of {unit} in {path}"),
        ("work out the total of {unit} that {path} comes to", "measure {path} in {unit}"),
    ),
    "sort_lines": acts(
        (
            "sort the lines of {path} in {order} order",
            "sort {path}, {order}",
            "put the lines of {path} in {order} order",
        ),
        ("arrange {path} so that its rows are {order}", "bring {path} into {order} sequence"),
    ),
}
FOLLOW_UPS = {
    ("read_file", "path"): acts(("read it", "show me that file"), ("let me see what it says now",)),
    ("head", "path"): acts(("show its first {lines} lines",), ("let me see how it starts, {lines} lines of it",)),
    ("append_line", "path"): acts(("append {line} to it", "add the line {line} there"), ("let it end with {line}",)),
    ("count", "path"): acts(("count its {unit}", "tell how many {unit} it has"), ("work out its total of {unit}",)),
    ("sort_lines", "path"): acts(("sort it in {order} order",), ("arrange its rows so that they are {order}",)),
    ("set_permission", "path"): acts(
        ("make it {mode}", "set its permission to {mode}"), ("see that it becomes {mode}",)
    ),
    ("delete", "path"): acts(("delete it", "remove that file"), ("get rid of this one again",)),
    ("unpack", "archive"): acts(("unpack it into {target}",), ("spread its content out in {target}",)),
    ("disk_usage", "folder"): acts(("check how large that folder is",), ("measure this directory",)),
}
GAPS = {
    ("read_file", "path"): acts(("read a file", "show me my file"), ("let me see what a document says",)),
    ("head", "path"): acts(
        ("show the first {lines} lines of a file",), ("let me see how a document starts, {lines} lines",)
    ),
    ("write_file", "path"): acts(
        ("write {content} to a new file", "save {content}"), ("put {content} into some fresh file",)
    ),
    ("write_file", "content"): acts(
        ("create the file {path}", "write the new file {path}"), ("have {path} come into being",)
    ),
    ("append_line", "line"): acts(
        ("append a line to {path}", "add something at the end of {path}"), ("extend {path} by one row",)
    ),
    ("append_line", "path"): acts(("append the line {line} to a file",), ("let one of my documents end with {line}",)),
    ("make_folder", "path"): acts(("make a folder", "create a new folder for me"), ("set up an empty directory",)),
    ("move", "target"): acts(("move {source}", "rename {source}"), ("let {source} live elsewhere from now on",)),
    ("copy", "source"): acts(("copy a file to {target}",), ("clone some document into {target}",)),
    ("copy", "target"): acts(("copy {source}", "make a copy of {source}"), ("duplicate {source}",)),
    ("delete", "path"): acts(("delete a file", "remove one of my files"), ("get rid of some document",)),
    ("grep", "phrase"): acts(
        ("search the files in {folder}", "find some lines below {folder}"), ("hunt through {folder}",)
    ),
    ("diff", "right"): acts(("compare {left} with another file",), ("hold {left} against something else",)),
    ("set_permission", "mode"): acts(
        ("set the permission of {path}", "change who may write {path}"), ("alter how {path} is protected",)
    ),
    ("unpack", "target"): acts(("unpack {archive}", "extract the archive {archive}"), ("open up {archive}",)),
    ("pack", "archive"): acts(("pack the folder {folder}", "zip {folder}"), ("bundle up {folder}",)),
}
WORDS = {
    "path": "path",
    "content": "text",
    "line": "line",
    "source": "file",
    "target": "path",
    "phrase": "phrase",
    "right": "file",
    "mode": "permission",
    "archive": "archive",
}
