"""What an import of an MLflow server prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from cli import output
from cli.importing.mlflow.importer import Imported, ImportedModel
from cli.output import Format
from spiritsafe.rpc.names import shorten

COLUMNS = ("mlflow", "version", "outcome", "files", "left_out", "licenses", "aliases")


def data(uri: str, models: Sequence[ImportedModel]) -> dict[str, Any]:
    """All of it for programs."""
    versions = [version for model in models for version in model.versions]
    return {
        "server": uri,
        "models": [
            {"mlflow": model.mlflow, "model": str(model.node), "versions": [_version(one) for one in model.versions]}
            for model in models
        ],
        "counts": {
            "models": len(models),
            "versions": dict(Counter(one.outcome for one in versions)),
            "files": sum(one.files for one in versions),
            "bytes": sum(one.size_bytes for one in versions),
            "left_out": dict(Counter(file.reason for one in versions for file in one.left_out)),
        },
        "suggestions": [line for model in models for line in _suggestions(model)],
    }


def show(uri: str, models: Sequence[ImportedModel], form: Format) -> None:
    """Prints the report."""
    found = data(uri, models)
    if form is Format.JSON:
        output.print_json(found)
        return
    console = output.console()
    rows = [
        {
            "mlflow": f"{model['mlflow']} {version['number']}",
            "version": shorten(version["version"]) or "-",
            "outcome": version["outcome"],
            "files": str(version["files"]),
            "left_out": str(len(version["left_out"])),
            "licenses": "unknown" if version["licenses"] is None else ", ".join(version["licenses"]),
            "aliases": ", ".join(version["aliases"]),
        }
        for model in found["models"]
        for version in model["versions"]
    ]
    console.print(output.table(rows, COLUMNS, f"Models of {uri}"))
    for model in found["models"]:
        for version in model["versions"]:
            for note in version["notes"]:
                console.print(f"[yellow]note[/] {escape(model['mlflow'])} {version['number']}: {escape(note)}")
    for reason, count in found["counts"]["left_out"].items():
        console.print(f"{count} files left out: {reason}")
    for line in found["suggestions"]:
        console.print(escape(line))


def _version(one: Imported) -> dict[str, Any]:
    return {
        "number": one.number,
        "version": one.name,
        "outcome": one.outcome,
        "files": one.files,
        "bytes": one.size_bytes,
        "licenses": one.licenses,
        "aliases": one.aliases,
        "left_out": [{"path": file.path, "reason": file.reason} for file in one.left_out],
        "notes": one.notes,
    }


def _suggestions(model: ImportedModel) -> list[str]:
    """An alias moves at will, a channel only through the gate: which one it stands for is for people to say."""
    return [
        f"alias {alias} of {model.mlflow}: spiritsafe promote {shorten(one.name)} CONTEXT/{_stage(alias)}"
        for one in model.versions
        if one.name
        for alias in one.aliases
    ]


def _stage(alias: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in alias.lower()).strip("-") or "production"
