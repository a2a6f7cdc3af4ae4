"""No file that a server names is written elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiritsafe.errors import DataLoss
from spiritsafe.places import inside


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "", "link/x"])
def test_no_path_leaves_the_target(tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path.parent)
    with pytest.raises(DataLoss, match="leaves the target"):
        inside(tmp_path, path)
