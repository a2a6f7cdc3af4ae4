"""Dataset cards: README.md with the front matter that hubs read, and how the rows were made. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from distill.curation.curate import CurationReport
from distill.curation.steps import Target
from distill.datasets.charts import Chart
from distill.datasets.description import Description, VerificationCounts
from distill.release.card import license_lines, yaml_list
from distill.trajectories.statistics import Distribution, Statistics

_STAND_IN = (
    "> **Stand-in.** A tiny checkpoint of a real architecture took part in making these rows. They are for trying the "
    "software, and not for use."
)
_LIMITATIONS = (
    "The requests are generated: they are about what the environments' tools can do, not all that people ask for.",
    "That a row executed and was accepted says that its calls did what was asked for, not that its words are good.",
    "Decontamination finds shared runs of words. A paraphrase of an evaluation's row shares none.",
)
_NOT_ADVICE = (
    "This states what was recorded, and is not legal advice. The licences of the teacher, of the data that it was "
    "tuned on, and of replay data may reach these rows: the registry holds the lineage and the current outcome."
)
# Hugging Face's size_categories: below these numbers of rows.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


def render_dataset_card(
    description: Description,
    statistics: Statistics,
    curation: CurationReport,
    replayed: int,
    charts: Sequence[Chart],
    paths: Iterable[str] = (),
) -> str:
    """The text of README.md beside the files of ``paths``; the same arguments give the same bytes."""
    parts = [
        "\n".join(["---", *_front_matter(description, statistics.rows, paths), "---"]),
        f"# {description.title}",
        *([_STAND_IN] if description.stand_in else []),
        "## What it is",
        description.summary,
        _contents(statistics, replayed),
        "## How it was made",
        *_making(description),
        *_verification(description.verification),
        *_curation(curation),
        "## Statistics",
        *_statistics(statistics),
        *(f"![{chart.title}](plots/{chart.name}.png)" for chart in charts),
        "## Limitations",
        "\n".join(f"* {sentence}" for sentence in (*_LIMITATIONS, *description.limitations)),
        "## Licence",
        *_licence(description),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(description: Description, rows: int, paths: Iterable[str]) -> Iterator[str]:
    yield from license_lines(description.licenses, paths)
    yield f"pretty_name: {json.dumps(description.title)}"
    yield from yaml_list("task_categories", ["text-generation"])
    yield from yaml_list("size_categories", [next((name for limit, name in _SIZES if rows < limit), "n>10M")])
    stand_in = ["stand-in"] if description.stand_in else []
    yield from yaml_list("tags", ["tool-calling", "function-calling", "synthetic", "distilled", *stand_in])
    yield "configs:"
    yield "- config_name: default"
    yield "  data_files:"
    yield "  - split: train"
    yield '    path: "data/train-*.jsonl"'


def _contents(statistics: Statistics, replayed: int) -> str:
    also = f", of which {replayed:,} are general-purpose replay," if replayed else ""
    return (
        f"{statistics.rows:,} conversations{also} with {statistics.calls:,} calls of {len(statistics.called):,} tools. "
        "A line of `data/*.jsonl` is one conversation: `id`, `tools` (JSON schema functions), `messages` in the chat "
        "form of OpenAI and Hugging Face with `arguments` as objects, and `provenance`. `manifest.json` has the digest "
        "of every file, `curation.json` the settings and counts of curation, `statistics.json` the figures below."
    )


def _making(description: Description) -> Iterator[str]:
    sampling = ", ".join(f"{name} {json.dumps(value)}" for name, value in sorted(description.sampling.items()))
    rows = [
        ("written by", ", ".join(description.teachers)),
        ("sampling", sampling),
        ("executed in", ", ".join(description.environments)),
        ("judged by", ", ".join(description.judges)),
        ("replay from", ", ".join(description.replay_sources)),
    ]
    known = [[name, value] for name, value in rows if value]
    if known:
        yield _table(["", ""], known)
    if description.inputs:
        inputs = sorted(description.inputs.items())
        yield _table(["made from", "SHA-256"], [[name, f"`{digest}`"] for name, digest in inputs])


def _verification(counts: VerificationCounts | None) -> Iterator[str]:
    if counts is None:
        return
    yield "### Verification"
    share = f" ({counts.accepted / counts.tried:.1%})" if counts.tried else ""
    yield (
        f"Of {counts.tried:,} conversations {counts.accepted:,}{share} were accepted. Each had to parse, call only "
        "tools on offer with arguments that fit their schemas, execute, and answer the request."
    )
    rows = [
        [stage, reason, f"{count:,}"] for stage, reasons in counts.rejected.items() for reason, count in reasons.items()
    ]
    if rows:
        yield _table(["stage", "reason", "rejected"], rows)


def _curation(report: CurationReport) -> Iterator[str]:
    yield "### Curation"
    compared = f" Compared with: {', '.join(report.suites)}." if report.suites else ""
    offered = f" and {report.replay_in:,} on offer for replay" if report.replay_in else ""
    yield f"Of {report.rows_in:,} rows{offered}, {report.rows_out:,} are here.{compared}"
    yield _table(
        ["step", "in", "out", "left out"],
        [[step.name, f"{step.rows_in:,}", f"{step.rows_out:,}", _counts(step.dropped)] for step in report.steps],
    )
    noted = {f"{step.name}: {name}": count for step in report.steps for name, count in step.noted.items()}
    if noted:
        yield f"Kept, and to be known: {_counts(noted)}."
    if report.targets:
        rows = [
            [one.what, _wanted(one), f"{one.before:.1%}", f"{one.after:.1%}", "yes" if one.met else "**no**"]
            for one in report.targets
        ]
        yield _table(["share of", "wanted", "before", "after", "met"], rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _wanted(target: Target) -> str:
    if target.least == target.most:
        return f"{target.most:.1%}"
    least = f"at least {target.least:.1%}" if target.least > 0 else ""
    most = f"at most {target.most:.1%}" if target.most < 1 else ""
    return ", ".join(filter(None, (least, most)))


def _statistics(statistics: Statistics) -> Iterator[str]:
    spread: list[tuple[str, Distribution]] = [
        ("user turns", statistics.user_turns),
        ("calls", statistics.calls_a_row),
        ("tools on offer", statistics.tools_a_row),
        ("characters without tools", statistics.length),
    ]
    yield _table(
        ["of a row", "mean", "median", "90 % have at most", "most"],
        [[name, *(f"{value:,}" for value in one.to_json().values())] for name, one in spread],
    )
    kinds = [
        ("call nothing", statistics.no_call_rows),
        ("call several tools at once", statistics.parallel_rows),
        ("hold reasoning", statistics.reasoning_rows),
    ]
    share = 100 / max(1, statistics.rows)
    yield _table(["rows that", "", "share"], [[name, f"{count:,}", f"{count * share:.1f} %"] for name, count in kinds])
    named = sorted((name, count) for name, count in statistics.categories.items() if name)
    if named:
        yield _table(["category", "rows"], [[name, f"{count:,}"] for name, count in named])


def _licence(description: Description) -> Iterator[str]:
    named = ", ".join(one.id for one in description.licenses)
    yield f"Given under: {named}." if named else "No licence has been decided on for this dataset."
    yield _NOT_ADVICE


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {line} |" for line in lines)
