"""What stand-ins are pre-trained on: calls of randomly made tools, and random copy exercises.

Pure and seeded. Nothing here may come from a built-in environment: no tool or argument name and no sentence of theirs
(``tests/distill/standins`` searches a large sample for them), so that whatever a stand-in knows about an environment
was taught by fine-tuning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from distill.trajectories.types import JsonValue, Message, ToolCall, ToolSpec, Trajectory


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_VERBS = _list(
    "book play start lock paint water move count measure print scan share save load sort mix cook rent fly charge "
    "clean drive build fold grow heat cool join teach draw film pack park plan pump push pull rate read ride record "
    "repair reserve roll row sail seal sell shake sing skip sketch solve spin stack steer store swap sweep tag test "
    "track train trim tune turn vote walk wash watch weigh wind wrap write dim mute pause resume rename archive"
)
_NOUNS = _list(
    "flight song room recipe plant robot engine ferry garden camera bridge tower river lesson album boat bottle brush "
    "cabin candle canvas carpet castle cloud coach comet crane crop curtain dance dish door drone drum elevator fence "
    "field fire fountain game glass globe guitar heater hotel island jar kite ladder lamp library lens lock map market "
    "meal meeting mill mirror model motor museum novel oven painting park pipe planet poem pool printer probe puzzle "
    "radio rocket sample satellite screen sensor shelf ship shop signal sofa speaker stage station statue stove street "
    "studio table tank telescope tent theatre tile tractor trail tram trip truck valve van vase vehicle village violin "
    "wall watch wheel window"
)
_DETAILS = _list(
    "pilot guest owner driver author teacher singer painter captain doctor colour shape place town harbour country "
    "title topic label theme mood style speed weight height width depth volume level count pages seats hours days "
    "distance duration score limit mode size finish season shift lane material message remark comment wish memo"
)
_PLACES_FIRST = _list("New Old Port Fort Lake North South East West Upper Lower Great Saint Mount")
_WORDS = _list(
    "red blue green dark light early warm cold soft hard quick slow fresh dry wet tall short empty full heavy thin "
    "bright quiet sharp round flat loose tight clean broken wrong missing late new old small large second front rear "
    "metal wooden paper plastic morning evening winter summer sound paint wheel cable screen button cover handle mark "
    "line note part piece box bag cup card key code page sheet step side edge corner point signal sent found checked "
    "asked called waited moved fixed ready needed added lost left right open closed signed printed ordered copied"
)
_COMMON = _list(
    "a about account address after again all also an and answer any are as ask at back be been before begin best "
    "better big book both box bring but by call came can change check child close come could customer day did do does "
    "down each eat end enough even ever every example eye family far few find first follow food for friend from full "
    "get give go good group had hand hard has have he head hear hello help her here high him his home hour house how "
    "if in into is issue it job just keep kind know last later leave let letter like list live long look low made "
    "make man many may me mean might mind money more most much must my need never next night no normal not nothing "
    "now of off often old on once one only or order other our out over own page paper people person phone place play "
    "please point public put question quite rather read ready really right run said same saw say school see send "
    "service set she should show shown since sister so some soon speak start state status still street such system "
    "take talk tell than thank thanks that their them then there these they thing think this those though thought "
    "three ticket time to today together told too took toward try turn two under until up upon us use used very voice "
    "wait walk want was water way we week well went were what when where which while white who why will wish with "
    "without woman word work world would write year yes you young your"
)
_ONSETS = _list("b br c ch cl d dr f fl g gr h j k kr l m n p pr r s sch st t tr v w z")
_VOWELS = ("a", "e", "i", "o", "u", "ei", "ia", "oo", "au")
_CODAS = ("", "n", "r", "l", "s", "t", "ck", "nd", "rt", "ss", "m", "x", "ns", "lt")

_OPENINGS = (
    "Please {act}{rest}",
    "{Act}{rest}",
    "Can you {act}{rest}",
    "Could you {act}{rest}",
    "I want to {act}{rest}",
    "I need you to {act}{rest}",
    "We have to {act}{rest}",
    "Hello, {act}{rest}",
    "It is time to {act}{rest}",
    "Someone must {act}{rest}",
    "Will you {act}{rest}",
    "Let us {act}{rest}",
    "My wish is to {act}{rest}",
    "Go and {act}{rest}",
)
# For requests that name things but do not say what to do with them.
_NAMING = (
    "{Act}{rest}",
    "I need {act}{rest}",
    "It is about {act}{rest}",
    "What about {act}{rest}",
    "This concerns {act}{rest}",
    "I have a wish for {act}{rest}",
    "Now {act}{rest}",
)
_ENDINGS = (
    *["."] * 8,
    *("?", "!", "", ", please.", " please.", " now.", " today.", ", thanks.", " soon.", " again."),
)
_LINKS = (
    "{word} {value}",
    "the {word} is {value}",
    "with {word} {value}",
    "{value} as {word}",
    "{word}: {value}",
    "the {word} {value}",
    "a {word} of {value}",
    "for {word} {value}",
    "of {word} {value}",
    "on {word} {value}",
    "this {word}: {value}",
    "{value} for the {word}",
)
_BARE = (
    *("{value}", "for {value}", "to {value}", "on {value}", "at {value}", "by {value}", "of {value}", "from {value}"),
    *("because of {value}", "it is {value}", "as {value}", "in {value}", "it was {value}", "which came {value}"),
    *("called {value}", "named {value}", "saying {value}", "which is {value}", "about {value}"),
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a made tool, and how its values are made."""

    name: str
    words: str
    schema: dict[str, JsonValue]
    make: Callable[[random.Random], JsonValue]

    @property
    def kind(self) -> str:
        """What its values look like: an id, a number, a text, or one of the options that only it has."""
        if "enum" in self.schema:
            return self.name
        return "id" if self.name.endswith("_id") else str(self.schema["type"])


def pseudo_word(rng: random.Random, syllables: int = 2) -> str:
    """Make a word that no language has, so that copying it cannot be guessed."""
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)]
    return "".join(parts) + rng.choice(_CODAS)


def _word(rng: random.Random) -> str:
    return rng.choice(_WORDS) if rng.random() < 0.5 else pseudo_word(rng, rng.choice((1, 2, 2, 3)))


def _capital(rng: random.Random) -> str:
    return pseudo_word(rng, rng.choice((1, 2, 2, 3))).capitalize()


def _person(rng: random.Random) -> JsonValue:
    return f"{_capital(rng)} {_capital(rng)}"


def _place(rng: random.Random) -> JsonValue:
    return f"{rng.choice(_PLACES_FIRST)} {_capital(rng)}" if rng.random() < 0.25 else _capital(rng)


def _phrase(rng: random.Random) -> JsonValue:
    words = [_word(rng) for _ in range(rng.randrange(1, 5))]
    if rng.random() < 0.4:
        # Words that also stand around values, but never at a value's edges: there nobody could tell.
        words[1:-1] = [rng.choice(_COMMON) if rng.random() < 0.5 else word for word in words[1:-1]]
    return " ".join(words)


def _number(rng: random.Random) -> JsonValue:
    return rng.randrange(1, 10 ** rng.choice((1, 2, 2, 3)))


def _identifier(noun: str) -> Argument:
    def make(rng: random.Random) -> JsonValue:
        return f"{noun[0].upper()}-{rng.randrange(1000, 10000)}"

    return Argument(f"{noun}_id", noun, {"type": "string", "description": f"{noun.capitalize()} id"}, make)


def _choice(rng: random.Random, detail: str) -> Argument:
    options: list[JsonValue] = [_word(rng) for _ in range(3)]
    return Argument(detail, detail, {"type": "string", "enum": options}, lambda draw: draw.choice(options))


def _free(rng: random.Random, detail: str) -> Argument:
    make = rng.choice((_person, _place, _phrase, _phrase, _number))
    kind = "integer" if make is _number else "string"
    description = rng.choice((detail.capitalize(), f"New {detail}", f"{detail.capitalize()} of it"))
    return Argument(detail, detail, {"type": kind, "description": description}, make)


def _arguments(rng: random.Random, noun: str) -> list[Argument]:
    arguments = [_identifier(noun)] if rng.random() < 0.7 else []
    details = rng.sample(_DETAILS, rng.choice((0, 0, 1, 1, 2)) or (not arguments))
    return arguments + [_choice(rng, detail) if rng.random() < 0.35 else _free(rng, detail) for detail in details]


def copy_words(seed: int, count: int) -> list[str]:
    """Words without any order, common and made up: the material of copy exercises and of the tokenizers."""
    rng = random.Random(f"words {seed}")  # noqa: S311 - reproducible data, no secret
    words = [rng.choice(_COMMON) if rng.random() < 0.6 else _word(rng) for _ in range(count)]
    return [word.capitalize() if rng.random() < 0.3 else word for word in words]


@dataclass(frozen=True, slots=True)
class MadeTool:
    """A randomly made tool. ``detail`` and ``noun`` are empty where its name and description do without them."""

    spec: ToolSpec
    verb: str
    detail: str
    noun: str
    arguments: tuple[Argument, ...]

    @property
    def words(self) -> frozenset[str]:
        """The words that it is known by."""
        return frozenset((self.verb, self.detail, self.noun)) - {""}

    def values(self, rng: random.Random) -> dict[str, JsonValue]:
        """Make arguments for a call."""
        return {argument.name: argument.make(rng) for argument in self.arguments}


def make_tool(rng: random.Random, verb: str, noun: str) -> MadeTool:
    """Make a tool called after ``verb`` and ``noun``, sometimes also a detail, with one to three required arguments."""
    arguments = _arguments(rng, noun)
    name, description, detail = f"{verb}_{noun}", f"{verb.capitalize()} a {noun}.", ""
    if rng.random() < 0.5:
        detail = rng.choice(_DETAILS)
        name = f"{verb}_{noun}_{detail}" if rng.random() < 0.4 else f"{verb}_{detail}"
        description = f"{verb.capitalize()} the {detail} of a {noun}."
    elif rng.random() < 0.3:
        name, description = f"{verb}_{noun}s", f"{verb.capitalize()} the {noun}s."
    properties: dict[str, JsonValue] = {argument.name: argument.schema for argument in arguments}
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties, "required": list(properties)}
    return MadeTool(ToolSpec(name, description, schema), verb, detail, noun, tuple(arguments))


def _said(rng: random.Random, tool: MadeTool, toolbox: Sequence[MadeTool]) -> frozenset[str]:
    """Some of the words of ``tool``, enough to tell it from the others in ``toolbox``."""
    words = sorted(tool.words)
    enough = [
        chosen
        for size in range(1, len(words) + 1)
        for chosen in map(frozenset, combinations(words, size))
        if not any(chosen <= other.words for other in toolbox if other is not tool)
    ]
    return rng.choice(enough)


def _act(rng: random.Random, tool: MadeTool, said: frozenset[str]) -> str:
    """What a request says is to be done, without its arguments."""
    detail, noun = (word if word in said else "" for word in (tool.detail, tool.noun))
    article = rng.choice(("the ", "the ", "a ", "this ", "my ", ""))
    thing = rng.choice((f"{detail} of the {noun}", f"{noun} {detail}")) if detail and noun else detail or noun
    thing = f"{article}{thing}" if thing else rng.choice(("", "", "it", "that"))
    return f"{tool.verb} {thing}".strip() if tool.verb in said else thing


def request(
    rng: random.Random,
    tool: MadeTool,
    values: Mapping[str, object],
    toolbox: Sequence[MadeTool],
    unsaid: Container[str] = (),
) -> str:
    """Say in words what calls ``tool`` with ``values``, the arguments in any order and without those in ``unsaid``."""
    mentions = []
    told = [argument for argument in tool.arguments if argument.name not in unsaid]
    for argument in rng.sample(told, len(told)):
        bare = sum(other.kind == argument.kind for other in tool.arguments) == 1
        form = rng.choice(_BARE if bare and rng.random() < 0.6 else _LINKS)
        mentions.append(form.format(word=argument.words, value=values[argument.name]))
    said = rng.choice((" and ", ", ", " ", " ")).join(mentions)
    words = _said(rng, tool, toolbox)
    act, ending = _act(rng, tool, words), rng.choice(_ENDINGS)
    if said and rng.random() < 0.2:
        return f"{said[0].upper()}{said[1:]}{rng.choice((', please', ':', ' now, so', ',', ', do'))} {act}{ending}"
    rest = rng.choice((" ", " ", " ", ", ", ": ")) + said if said else ""
    opening = rng.choice(_OPENINGS if tool.verb in words else _NAMING)
    lead = f"{small_talk(rng)} " if rng.random() < 0.1 else ""
    return lead + opening.format(act=act, Act=act[0].upper() + act[1:], rest=rest) + ending


def _tools(rng: random.Random, size: int) -> list[MadeTool]:
    verbs, nouns = rng.sample(_VERBS, size), rng.sample(_NOUNS, size)
    # Neighbours that share a noun or a verb force a look at the other words.
    if size > 1 and rng.random() < 0.5:
        nouns[1] = nouns[0]
    elif size > 1 and rng.random() < 0.3:
        verbs[1] = verbs[0]
    tools = [make_tool(rng, verb, noun) for verb, noun in zip(verbs, nouns, strict=True)]
    rng.shuffle(tools)
    return tools


def make_toolbox(rng: random.Random, size: int) -> list[MadeTool]:
    """Make tools of which each can be told from the others by its words."""
    toolbox = _tools(rng, size)
    while len({tool.words for tool in toolbox}) < size or _hidden(toolbox):
        toolbox = _tools(rng, size)
    return toolbox


def small_talk(rng: random.Random) -> str:
    """A sentence without meaning."""
    words = [rng.choice(_COMMON) if rng.random() < 0.8 else _word(rng) for _ in range(rng.randrange(3, 12))]
    return " ".join(words).capitalize() + rng.choice(".?!")


def call_exercises(seed: int, sizes: tuple[int, ...], no_call: float, count: int) -> list[Trajectory]:
    """Make requests about the same made-up tools, each answered by one call or by none.

    Args:
        seed: decides everything.
        sizes: how many tools may be on offer.
        no_call: share of requests that no tool on offer fits, half of them for a tool that is not there.
        count: how many requests.
    """
    rng = random.Random(f"call exercises {seed}")  # noqa: S311 - reproducible data, no secret
    toolbox = make_toolbox(rng, rng.choice(sizes) + 1)
    missing, *tools = toolbox
    offer = tuple(tool.spec for tool in tools)
    exercises = []
    for number in range(count):
        fits = rng.random() >= no_call
        tool = rng.choice(tools) if fits else missing
        values = tool.values(rng)
        says = small_talk(rng) if not fits and rng.random() < 0.5 else request(rng, tool, values, toolbox)
        calls = (ToolCall(tool.spec.name, values),) if fits else ()
        messages = (Message("user", says), Message("assistant", tool_calls=calls))
        exercises.append(Trajectory(f"exercise-{seed}-{number}", offer, messages))
    return exercises


def _hidden(toolbox: Sequence[MadeTool]) -> bool:
    """Whether all the words of some tool are also another's, so that no request could single it out."""
    return any(one.words <= other.words for one in toolbox for other in toolbox if one is not other)
