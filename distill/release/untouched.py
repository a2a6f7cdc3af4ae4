"""The weights of a base that training never loads, kept beside merged ones: the towers of a multimodal checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

_INDEX = "model.safetensors.index.json"


def add_untouched(base: Path, target: Path) -> list[str]:
    """Copy to ``target`` every tensor of ``base`` that it lacks by name, and index all; the names copied.

    The base's own configuration announces its towers, and servers refuse to start without them.
    """
    present = {name: file.name for file in sorted(target.glob("*.safetensors")) for name in _names(file)}
    missing = {
        name: file for file in sorted(base.glob("*.safetensors")) for name in _names(file) if name not in present
    }
    if not missing:
        return []
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(set(missing.values())):
        with safe_open(file, "pt") as opened:
            tensors |= {name: opened.get_tensor(name) for name, holder in missing.items() if holder == file}
    # A file of the plain name would be taken for the whole model, index or not.
    whole, merged, untouched = "model.safetensors", "model-merged.safetensors", "model-untouched.safetensors"
    if (target / whole).exists():
        (target / whole).rename(target / merged)
    save_file(tensors, target / untouched, {"format": "pt"})
    files = {name: merged if file == whole else file for name, file in present.items()}
    size = sum((target / file).stat().st_size for file in {*files.values(), untouched})
    index = {"metadata": {"total_size": size}, "weight_map": files | dict.fromkeys(tensors, untouched)}
    (target / _INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    return sorted(tensors)


def _names(file: Path) -> list[str]:
    with safe_open(file, "pt") as opened:
        return list(opened.keys())
