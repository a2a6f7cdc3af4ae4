"""What the teacher thought likely in a roll-out, stored episode by episode as they finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from distill.rollouts.asking import OnTokens, Tokens
from distill.rollouts.episode import Episode
from distill.teacher.logprobs import Header, Logprobs, LogprobsError, LogprobsWriter, TokenIds


def turn_id(scenario: str, sample: int, turn: int) -> str:
    """Under which the log-probabilities of an assistant turn are stored."""
    return f"{scenario}#{sample}.{turn}"


@contextmanager
def storing(folder: Path, header: Header, ids: TokenIds) -> Iterator[OnTokens]:
    """Appends the turns of finished episodes to a folder; after a kill some stand there twice.

    Raises:
        LogprobsError: while storing, when a reply named no alternatives, or tokens that are not the tokenizer's.
    """
    with LogprobsWriter(folder, header) as writer:

        def keep(episode: Episode, tokens: Tokens) -> None:
            for turn, written in enumerate(tokens):
                if episode.texts[turn] and not written:
                    raise LogprobsError(
                        "the teacher's server tells no alternatives of tokens; ask for none, or use one that does"
                    )
                row = turn_id(episode.scenario.id, episode.sample, turn)
                writer.append(row, ids.positions(written, header.top))

        yield keep


def put_in_order(folder: Path, target: Path, header: Header, episodes: Sequence[Episode]) -> None:
    """Writes what was stored to another folder, once each and in the order of the episodes."""
    stored = Logprobs(folder, header.tokenizer)
    with LogprobsWriter(target, header) as writer:
        for episode in episodes:
            for turn in range(len(episode.texts)):
                row = turn_id(episode.scenario.id, episode.sample, turn)
                writer.append(row, stored[row])
