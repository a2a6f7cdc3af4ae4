"""How users put what they want: ways to ask, crossed with what is asked for, other ones in each split."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from distill.environments.base import Split

# Ways to ask: every pair with something to ask for is one more sentence. So many ways to say the same leave a learner
# nothing but the words that matter.
TRAIN_ASKS = (
    "{act}.",
    "Please {act}.",
    "Can you {act}?",
    "Can you please {act}?",
    "I want to {act}.",
    "I need to {act}.",
    "Would you {act}?",
    "Hello, {act}.",
    "We must {act} today.",
    "{act}, thanks.",
)
HELDOUT_ASKS = (
    "Could you {act}?",
    "Kindly {act}.",
    "I would like you to {act}.",
    "{act}, if you can.",
    "It would help me to {act}.",
    "Next up: {act}.",
)
# Between two requests of one message.
JOINTS: Mapping[Split, tuple[str, ...]] = {
    "train": (". ", ". Also, ", "; ", ". Then: ", ". And one more thing: ", ". Besides, ", " - and: ", ". Next: "),
    "heldout": (". Apart from that, ", ". Oh, and: ", ", and second, "),
}
# What a user answers when asked for an argument.
REPLIES: Mapping[Split, tuple[str, ...]] = {
    "train": (
        "{value}.",
        "It is {value}.",
        "The {word} is {value}.",
        "{value}, please.",
        "I mean {value}.",
        "{word} {value}",
    ),
    "heldout": ("That would be {value}.", "Sorry, {value}.", "My {word}: {value}."),
}


@dataclass(frozen=True, slots=True)
class Wordings:
    """Sentences that ask for the same, with slots for values, by split."""

    train: tuple[str, ...]
    heldout: tuple[str, ...]

    def sentences(self, split: Split) -> tuple[str, ...]:
        """Those of one split."""
        return self.train if split == "train" else self.heldout


def acts(train: Iterable[str], heldout: Iterable[str]) -> Wordings:
    """What is asked for, such as "close ticket {ticket_id}", in every way to ask of its split."""
    return Wordings(tuple(crossed(TRAIN_ASKS, train)), tuple(crossed(HELDOUT_ASKS, heldout)))


def crossed(asks: Iterable[str], acts: Iterable[str]) -> Iterator[str]:
    """Every way to ask with everything that is asked for."""
    return (_sentence(ask, act) for ask, act in product(asks, acts))


def _sentence(ask: str, act: str) -> str:
    # replace, not format: an act has slots of its own, and keeps them.
    sentence = ask.replace("{act}", act)
    # A slot's name must stay as it is; what it stands for begins as it will.
    return sentence if sentence.startswith("{") else sentence[0].upper() + sentence[1:]


@cache
def slots(sentence: str) -> frozenset[str]:
    """The names of a sentence's slots."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def joined(first: str, joint: str, second: str) -> str:
    """Two requests in one message."""
    if not joint.endswith(". ") and second[1].islower():
        second = second[0].lower() + second[1:]
    return f"{first.rstrip('.?!')}{joint}{second}"
