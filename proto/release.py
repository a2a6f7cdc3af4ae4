"""Keeps the contract of a release: ``python proto/release.py`` writes proto/released/contract.binpb.

From then on a test, and ``buf breaking`` where buf is installed, compare the contract with it. Run this when a version
is released, and never to silence them: whatever they find breaks clients that exist.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO_ROOT = Path(__file__).resolve().parent
RELEASED = PROTO_ROOT / "released" / "contract.binpb"


def describe(output: Path) -> None:
    """Writes the descriptors of the contract, with all that they import. Raises RuntimeError on failure."""
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO_ROOT}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            "--include_imports",
            f"--descriptor_set_out={output}",
            *sorted(str(path) for path in PROTO_ROOT.rglob("*.proto")),
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc exited with status {status}; its messages above name the file and line")


if __name__ == "__main__":
    describe(Path(sys.argv[1]) if len(sys.argv) > 1 else RELEASED)
