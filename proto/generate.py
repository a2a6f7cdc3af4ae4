"""Generates the Python stubs of the contract: ``python proto/generate.py [OUTPUT]`` (default: client/).

The output is committed, so that an installation needs no compiler; a test runs this again and compares.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO_ROOT = Path(__file__).resolve().parent
CLIENT_ROOT = PROTO_ROOT.parent / "client"


def generate(output: Path) -> None:
    """Writes message and service stubs with their type information below ``output``. Raises RuntimeError on failure."""
    # protoc finds its plugins (protoc-gen-mypy) on PATH; they live beside this interpreter.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    sources = sorted(str(path) for path in PROTO_ROOT.rglob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO_ROOT}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={output}",
            f"--grpc_python_out={output}",
            f"--mypy_out=quiet:{output}",
            f"--mypy_grpc_out=quiet:{output}",
            *sources,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc exited with status {status}; its messages above name the file and line")
    for folder in sorted({Path(source).relative_to(PROTO_ROOT).parent for source in sources}):
        for package in (folder, folder.parent):
            (output / package / "__init__.py").touch()


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else CLIENT_ROOT)
