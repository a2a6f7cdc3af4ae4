"""Small talk, and requests that no tool of any built-in world could serve."""

from __future__ import annotations

from collections.abc import Mapping

from distill.environments.pools import pool
from distill.environments.scenarios.content import Draws
from distill.environments.scenarios.wordings import Wordings, acts

SORRY = "Sorry, I cannot help with that."
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# What is said to what.
TALK: Mapping[str, Wordings] = {
    "You are welcome!": Wordings(
        (
            "Thanks, {first_name} from {city} is happy now.",
            "Thank you, that was quick, greetings from {city}.",
            "Many thanks, says {first_name}.",
            "Great, thank you and a nice {day} to you!",
            "Perfect, {first_name} sends thanks from {city}.",
        ),
        ("Thank you so much, {first_name} from {city}.", "Super, thanks and have a good {day} in {city}!"),
    ),
    "Hello! How can I help you?": Wordings(
        (
            "Hello, this is {first_name}.",
            "Hi, {first_name} from {city} speaking.",
            "Good morning, {first_name} here, how are you?",
            "Good day from {city}, what a lovely {day}!",
            "Hey, it is {day} here in {city}.",
        ),
        ("Hi there, my name is {first_name}.", "Good evening, {first_name} from {city} here."),
    ),
    SORRY: acts(
        (
            "tell me the weather in {city}",
            "tell me a joke about {city}",
            "find a bus to {city} for {day}",
            "write a rhyme for {first_name}",
            "explain the history of {city}",
            "sing a song about a {item}",
            "name the mayor of {city}",
            "find a good name for my dog, maybe {first_name}",
            "repair the {item} of {first_name}",
            "predict who wins the game in {city}",
        ),
        (
            "forecast whether it rains in {city}",
            "make {first_name} laugh on {day}",
            "hum a tune for {first_name}",
            "teach me how one cleans a {item}",
            "describe the old town of {city}",
        ),
    ),
}


def draw_talk(draws: Draws) -> dict[str, str]:
    """A value for each slot."""
    words, rng = pool(draws.split), draws.rng
    return {
        "first_name": rng.choice(words.first_names),
        "city": rng.choice(words.cities),
        "item": rng.choice(words.items),
        "day": rng.choice(_DAYS),
    }
