"""Stand-ins: tiny checkpoints of a family's real architecture class, for machines without weights."""

from pathlib import Path


def checkpoint(family: str) -> Path:
    """Return the folder of the committed stand-in for ``family`` (``xlam``, ``qwen3``, ``llama3`` or ``gemma4``).

    Raises:
        ValueError: there is no stand-in for this family.
    """
    folder = Path(__file__).parent / "checkpoints" / family
    if not (folder / "config.json").is_file():
        known = sorted(path.parent.name for path in folder.parent.glob("*/config.json"))
        raise ValueError(f"no stand-in for family {family!r}; there are: {', '.join(known) or 'none'}")
    return folder
