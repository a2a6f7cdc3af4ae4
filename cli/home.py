"""Where the embedded registry lives."""

from __future__ import annotations

import os
from pathlib import Path

HOME_VARIABLE = "SPIRITSAFE_HOME"


def home_folder(given: Path | None = None) -> Path:
    """The folder that was given, else ``$SPIRITSAFE_HOME``, else the user's data folder."""
    if given is not None:
        return given.expanduser().resolve()
    named = os.environ.get(HOME_VARIABLE, "")
    if named:
        return Path(named).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("spiritsafe", appauthor=False)
