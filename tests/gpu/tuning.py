"""Tuning a teacher beside plain TRL on a GPU, in the shapes of xLAM-1's two sizes, with random weights: 9 minutes.

    python -m tests.gpu.tuning

``--tiny`` shows on any machine that it works. What is compared, and how, is in ``tests/benchmarks/distill/tuning.py``.
Disk: 16 GB in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import torch
from rich.console import Console

from tests.benchmarks.distill.tuning import DATA, TINY, Found, Size, compare, table

LAST_START_SECONDS = 420.0
"""No training starts later than that, so that the table is there within nine minutes."""
# DeepSeek Coder 1.3B and 6.7B, on which xLAM-1b-fc-r and xLAM-7b-fc-r build.
_1B = {"hidden_size": 2048, "intermediate_size": 5504, "num_hidden_layers": 24, "num_attention_heads": 16}
_7B = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
SIZES: dict[str, tuple[Size, Sequence[str]]] = {
    "7B": (Size({**_7B, "vocab_size": 32256}, 12, 4, 3, 2048, 12), DATA[:1]),
    "1B": (Size({**_1B, "vocab_size": 32256}, 24, 4, 3, 2048, 12), DATA),
}


def main(given: Sequence[str] | None = None) -> None:
    """Measures all sizes, then prints their tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.tuning")
    parser.add_argument("--tiny", action="store_true", help="one tiny size; the figures mean nothing")
    options = parser.parse_args(given)
    if not options.tiny and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; --tiny runs without one")
    until = time.monotonic() + LAST_START_SECONDS
    sizes = {"tiny": (TINY, DATA[:1])} if options.tiny else SIZES
    found: dict[str, Found] = {name: compare(size, 1, data, until) for name, (size, data) in sizes.items()}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    for name, one in found.items():
        Console(width=120).print(table(f"{name} on {device}", one))


if __name__ == "__main__":
    main()
