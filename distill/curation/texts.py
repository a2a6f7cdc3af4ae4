"""What of a trajectory is compared, and as which words: not what every row of a world repeats."""

from __future__ import annotations

import json
import re
import unicodedata

from distill.trajectories.calls import call_to_json
from distill.trajectories.turns import calls_in
from distill.trajectories.types import Trajectory

# Scripts that put no spaces between words: every character counts as one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_ASCII_WORD = re.compile(r"[a-z0-9_]+")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def user_words(trajectory: Trajectory) -> str:
    """The user's messages, one a line."""
    return "\n".join(message.content for message in trajectory.messages if message.role == "user")


def compared_text(trajectory: Trajectory) -> str:
    """The user's messages and all calls, in order. Tools, results and answers are left out.

    Arguments come in the order of their names: a teacher may write them in any.
    """
    calls = (
        json.dumps(call_to_json(call), ensure_ascii=False, sort_keys=True) for call in calls_in(trajectory.messages)
    )
    return "\n".join([user_words(trajectory), *calls])


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: compatibility forms (NFKC) and case folded, punctuation dropped.

    Chinese, Japanese, Thai, Lao, Burmese and Khmer have no spaces between words; there each character is a word.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
