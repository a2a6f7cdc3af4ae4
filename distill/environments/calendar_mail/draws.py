"""Values for the tools of the calendar and the mailbox, with which a call mostly succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from distill.environments.calendar_mail.tools import METHODS
from distill.environments.calendar_mail.world import ANSWERS, BODIES, LABELS, MINUTE, SUBJECTS, TITLES, World, span
from distill.environments.scenarios.content import Draw, Draws, Values

_MINUTES = (15, 30, 45, 60, 75, 90, 120)


def _start(draws: Draws) -> str:
    """A time in the days that the world has."""
    world: World = draws.world
    begin, _ = span(world.now, 0)
    day = begin + timedelta(days=draws.rng.randint(0, 7))
    return day.replace(hour=draws.rng.randint(8, 18), minute=draws.rng.choice((0, 15, 30, 45))).strftime(MINUTE)


def _people(draws: Draws, count: int) -> list[str]:
    return draws.rng.sample(list(draws.world.contacts), count)


def _own(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice([key for key, one in world.events.items() if one.organizer == world.me])


def _find_contact(draws: Draws) -> Values:
    return {"name": draws.rng.choice([contact.name for contact in draws.world.contacts.values()])}


def _event(draws: Draws) -> Values:
    return {"event_id": draws.rng.choice(list(draws.world.events))}


def _thread(draws: Draws) -> Values:
    return {"thread_id": draws.rng.choice(list(draws.world.threads))}


def _list_events(draws: Draws) -> Values:
    event = draws.rng.choice(list(draws.world.events.values()))
    return {"date": event.start[:10], "limit": draws.rng.randint(2, 9)}


def _search_events(draws: Draws) -> Values:
    return {"query": draws.rng.choice([event.title for event in draws.world.events.values()])}


def _create_event(draws: Draws) -> Values:
    reminder: Values = {"minutes_before": draws.rng.choice((5, 10, 20)), "method": draws.rng.choice(METHODS)}
    return {
        "title": draws.rng.choice(TITLES[draws.split]),
        "start": _start(draws),
        "minutes": draws.rng.choice(_MINUTES),
        "attendees": [*_people(draws, draws.rng.randint(1, 2))],
        "room_id": draws.rng.choice(list(draws.world.rooms)),
        "reminder": reminder,
    }


def _invite(draws: Draws) -> Values:
    event_id = _own(draws)
    others = [address for address in draws.world.contacts if address not in draws.world.events[event_id].attendees]
    return {"event_id": event_id, "attendees": [*draws.rng.sample(others, min(len(others), draws.rng.randint(1, 2)))]}


def _answer(draws: Draws) -> Values:
    world: World = draws.world
    invited = [key for key, event in world.events.items() if world.me in event.attendees]
    return {"event_id": draws.rng.choice(invited), "answer": draws.rng.choice(ANSWERS)}


def _find_free_time(draws: Draws) -> Values:
    people: Any = _people(draws, draws.rng.randint(1, 2))
    return {"attendees": people, "date": _start(draws)[:10], "minutes": draws.rng.choice(_MINUTES)}


def _find_room(draws: Draws) -> Values:
    return {
        "seats": draws.rng.randint(2, 8),
        "start": _start(draws),
        "minutes": draws.rng.choice(_MINUTES),
    }


def _search_mail(draws: Draws) -> Values:
    subject = draws.rng.choice([thread.subject for thread in draws.world.threads.values()])
    return {"query": subject, "labelled": draws.rng.choice(LABELS), "unread": True}


def _create_draft(draws: Draws) -> Values:
    people: Any = _people(draws, draws.rng.randint(1, 2))
    return {
        "to": people,
        "subject": draws.rng.choice(SUBJECTS[draws.split]),
        "body": draws.rng.choice(BODIES[draws.split]),
    }


def _reply(draws: Draws) -> Values:
    return {**_thread(draws), "body": draws.rng.choice(BODIES[draws.split])}


DRAWS: Mapping[str, Draw] = {
    "find_contact": _find_contact,
    "list_events": _list_events,
    "search_events": _search_events,
    "get_event": _event,
    "create_event": _create_event,
    "move_event": lambda draws: {"event_id": _own(draws), "start": _start(draws)},
    "cancel_event": lambda draws: {"event_id": _own(draws)},
    "invite": _invite,
    "answer_invitation": _answer,
    "find_free_time": _find_free_time,
    "find_room": _find_room,
    "book_room": lambda draws: {"event_id": _own(draws), "room_id": draws.rng.choice(list(draws.world.rooms))},
    "search_mail": _search_mail,
    "read_thread": _thread,
    "reply": _reply,
    "create_draft": _create_draft,
    "send_draft": lambda draws: {"draft_id": draws.rng.choice(list(draws.world.drafts))},
    "label_thread": lambda draws: {**_thread(draws), "label": draws.rng.choice(LABELS)},
}


def taken_room(draws: Draws) -> list[Values]:
    """A new event at the time and in the room of another one's, and then in another room."""
    world: World = draws.world
    values = _create_event(draws)
    taken = draws.rng.choice(
        [event for event in world.events.values() if event.room_id and event.organizer != world.me]
    )
    other = draws.rng.choice([room for room in world.rooms if room != taken.room_id])
    base: Values = {"title": values["title"], "start": taken.start, "minutes": values["minutes"]}
    return [{**base, "room_id": taken.room_id}, {**base, "room_id": other}]


def not_mine(draws: Draws) -> list[Values]:
    """An event of somebody else's, which cannot be cancelled but declined."""
    event_id = _answer(draws)["event_id"]
    return [{"event_id": event_id}, {"event_id": event_id, "answer": "declined"}]


def no_mails_left(draws: Draws) -> list[Values]:
    values = _reply(draws)
    thread = draws.world.threads[values["thread_id"]]
    return [values, {"to": [thread.messages[0].sender], "subject": thread.subject, "body": values["body"]}]


def busy_then(draws: Draws) -> list[Values]:
    world: World = draws.world
    event_id = _own(draws)
    mine = [event.start for key, event in world.events.items() if event.organizer == world.me and key != event_id]
    return [{"event_id": event_id, "start": draws.rng.choice(mine)}, {"event_id": event_id, "start": _start(draws)}]
