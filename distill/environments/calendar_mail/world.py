"""The calendar and mailbox of a seed.

Times are local, written as 2030-03-14T09:30. The clock stands still at ``now``, so that nothing hangs on when a call is
made. Training worlds lie in 2030, held-out ones in 2031.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from distill.environments.base import Split
from distill.environments.pools import listed, paired, pool
from distill.environments.seeds import new_id, split_of_seed

ANSWERS = ("accepted", "declined", "tentative")
LABELS = ("follow-up", "invoices", "travel", "archive")
MINUTE = "%Y-%m-%dT%H:%M"
_YEARS: Mapping[Split, int] = {"train": 2030, "heldout": 2031}
_DAYS, _CONTACTS, _ROOMS, _EVENTS, _THREADS = 6, 7, 4, 9, 6
_STARTS = ("09:00", "10:30", "13:00", "15:30")
TITLES: Mapping[Split, tuple[str, ...]] = {
    "train": paired(
        "budget, sales, design, launch, safety, quarterly, customer, supplier, pricing, security, intern, brand",
        "review, sync, workshop, kickoff, planning, demo, check, call, lunch",
    ),
    "heldout": paired(
        "audit, hiring, merger, warehouse, patent, donor, payroll, museum", "briefing, retrospective, interview, tour"
    ),
}
SUBJECTS: Mapping[Split, tuple[str, ...]] = {
    "train": paired(
        "signed, missing, updated, late, second, final, shared", "contract, slides, timesheet, visa, offer, ticket, key"
    ),
    "heldout": paired("revised, urgent, lost, monthly", "tender, badge, statement, permit, catalogue"),
}
BODIES: Mapping[Split, tuple[str, ...]] = {
    "train": paired(
        "the numbers are, the draft is, my part is, the parcel is, our answer is, the trip is, the list is",
        "ready, wrong, on its way, approved, still open, cancelled, confirmed",
    ),
    "heldout": paired(
        "this proposal was, your badge was, that shipment was", "rejected, misplaced, postponed, welcomed, repaired"
    ),
}
_DOMAINS: Mapping[Split, tuple[str, ...]] = {
    "train": listed("alpha.example, bright.example, cedar.example, delta.example"),
    "heldout": listed("quartz.example, raven.example, summit.example"),
}


@dataclass(slots=True)
class Contact:
    """A person, known by e-mail address. ``name`` is unique within a world."""

    name: str
    team: str


@dataclass(slots=True)
class Room:
    """A meeting room. ``seats`` is how many people it holds."""

    seats: int
    floor: int


@dataclass(slots=True)
class Reminder:
    """When and how to be reminded of an event."""

    minutes_before: int
    method: str


@dataclass(slots=True)
class Event:
    """An event. ``attendees`` are addresses with their answers, the organizer not among them."""

    title: str
    start: str
    minutes: int
    organizer: str
    attendees: dict[str, str] = field(default_factory=dict)
    room_id: str | None = None
    reminder: Reminder | None = None
    cancelled: bool = False


@dataclass(slots=True)
class Mail:
    """A message that has been sent."""

    sender: str
    to: list[str]
    body: str


@dataclass(slots=True)
class Thread:
    """A conversation by mail."""

    subject: str
    messages: list[Mail]
    labels: list[str] = field(default_factory=list)
    unread: bool = True


@dataclass(slots=True)
class MailDraft:
    """A mail that has not been sent."""

    to: list[str]
    subject: str
    body: str


@dataclass(slots=True)
class World:
    """Whose calendar and mailbox, and all tables by id. ``mails_left`` is how many mails may still be sent today."""

    now: str
    me: str
    mails_left: int
    contacts: dict[str, Contact] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    threads: dict[str, Thread] = field(default_factory=dict)
    drafts: dict[str, MailDraft] = field(default_factory=dict)


def span(start: str, minutes: int) -> tuple[datetime, datetime]:
    """Beginning and end. Raises ValueError where there is no such time."""
    begin = datetime.strptime(start, MINUTE)
    return begin, begin + timedelta(minutes=minutes)


def build_world(seed: int) -> World:
    """The initial state for ``seed``: half of the events are mine, and some rooms are taken."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    split = split_of_seed(seed)
    first = datetime(_YEARS[split], rng.randint(1, 11), rng.randint(1, 28))
    me, *others = _people(rng, split)
    world = World(first.strftime("%Y-%m-%dT08:00"), me[0], rng.choice((0, 1, 2, 5)), dict(others))
    for _ in range(_ROOMS):
        world.rooms[new_id(rng, split, "R", 3, world.rooms)] = Room(rng.choice((2, 4, 8, 12)), rng.randint(0, 9))
    days = [(first + timedelta(days=day)).strftime("%Y-%m-%d") for day in range(_DAYS)]
    slots = rng.sample([f"{day}T{start}" for day in days for start in _STARTS], _EVENTS)
    for number, (title, start) in enumerate(zip(rng.sample(TITLES[split], _EVENTS), slots, strict=True)):
        event = _event(rng, world, title, start, mine=number % 2 == 0)
        world.events[new_id(rng, split, "E", 4, world.events)] = event
    for subject in rng.sample(SUBJECTS[split], _THREADS):
        sender = rng.choice(list(world.contacts))
        mails = [Mail(sender, [world.me], rng.choice(BODIES[split]))]
        world.threads[new_id(rng, split, "M", 4, world.threads)] = Thread(subject, mails)
    for _ in range(2):
        draft = MailDraft([rng.choice(list(world.contacts))], rng.choice(SUBJECTS[split]), rng.choice(BODIES[split]))
        world.drafts[new_id(rng, split, "D", 4, world.drafts)] = draft
    return world


def _people(rng: random.Random, split: Split) -> list[tuple[str, Contact]]:
    words, domain = pool(split), rng.choice(_DOMAINS[split])
    people = []
    # Sampling last names without replacement makes names and addresses unique.
    for last in rng.sample(words.last_names, _CONTACTS + 1):
        first = rng.choice(words.first_names)
        team = rng.choice(("finance", "research", "support", "legal"))
        people.append((f"{first}.{last}@{domain}".lower(), Contact(f"{first} {last}", team)))
    return people


def _event(rng: random.Random, world: World, title: str, start: str, mine: bool) -> Event:
    people = rng.sample(list(world.contacts), rng.randint(1, 3))
    event = Event(title, start, rng.choice((30, 45, 60, 90)), world.me if mine else people.pop(0))
    event.attendees = dict.fromkeys(people, "accepted") | ({} if mine else {world.me: "invited"})
    if rng.random() < 0.5:
        event.room_id = rng.choice([key for key, room in world.rooms.items()])
    return event
