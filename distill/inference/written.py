"""What a model wrote in one turn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """A raw assistant turn, and how many tokens were read and written for it; 0 where nobody counted them."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
