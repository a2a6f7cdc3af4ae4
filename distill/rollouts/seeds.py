"""Which seed a reply is drawn with: a function of what is asked for, so that a resumed roll-out draws the same."""

from __future__ import annotations

import hashlib


def reply_seed(run_seed: int, scenario_id: str, sample: int, turn: int) -> int:
    """The seed of the ``turn``-th assistant turn of a sample: 31 bits, which every server takes."""
    text = f"{run_seed}\n{scenario_id}\n{sample}\n{turn}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
