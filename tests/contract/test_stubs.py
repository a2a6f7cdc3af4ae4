"""The committed stubs are what the contract generates."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUBS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def stubs(folder: Path) -> dict[str, bytes]:
    """Generated files by their path below the folder."""
    found = (path for pattern in STUBS for path in folder.glob(f"spiritsafe/*/v1/{pattern}"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "proto" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    generate.generate(tmp_path)
    fresh, committed = stubs(tmp_path), stubs(ROOT / "client")
    assert sorted(fresh) == sorted(committed)
    changed = [path for path in fresh if fresh[path] != committed[path]]
    assert not changed, f"run `python proto/generate.py` and commit: {changed}"
    assert fresh, "nothing was generated"
