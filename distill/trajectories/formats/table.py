"""All formats by name, and which one a file is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distill.trajectories.formats.apigen_mt import APIGEN_MT
from distill.trajectories.formats.base import Format
from distill.trajectories.formats.bfcl import BFCL
from distill.trajectories.formats.chat import CANONICAL, HUGGINGFACE, OPENAI
from distill.trajectories.formats.ertas import ERTAS
from distill.trajectories.formats.xlam60k import XLAM60K
from distill.trajectories.rows import Row

FORMATS: Mapping[str, Format] = {
    one.name: one for one in (CANONICAL, ERTAS, HUGGINGFACE, OPENAI, XLAM60K, APIGEN_MT, BFCL)
}


def detect(rows: Iterable[Row]) -> Format | None:
    """The format of the first row that can be of one only; None where none is.

    Chats without a single call are alike in all formats of chats, and read as Hugging Face's.
    """
    plain: Format | None = None
    for row in rows:
        for form in FORMATS.values():
            if form.recognises(row):
                return form
        if "messages" in row:
            plain = HUGGINGFACE
    return plain
