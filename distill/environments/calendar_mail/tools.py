"""Tools of the calendar and the mailbox: their specifications and what they do to a world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from distill.environments.calendar_mail.world import (
    ANSWERS,
    LABELS,
    MINUTE,
    Event,
    Mail,
    MailDraft,
    Reminder,
    Thread,
    World,
    span,
)
from distill.environments.tools import (
    ToolRefusedError,
    by_name,
    choice,
    find,
    fresh_id,
    record,
    several,
    text,
    tool,
    whole,
)

_OPENS, _CLOSES, _STEP_MINUTES = 9, 17, 30
METHODS = ("mail", "popup")


def _event(world: World, event_id: str) -> Event:
    event = find(world.events, "event", event_id)
    if event.cancelled:
        raise ToolRefusedError("conflict", f"event {event_id} is cancelled; create a new one")
    return event


def _own_event(world: World, event_id: str) -> Event:
    event = _event(world, event_id)
    if event.organizer != world.me:
        raise ToolRefusedError("permission_denied", f"only {event.organizer} may change event {event_id}")
    return event


def _span(start: str, minutes: int) -> tuple[datetime, datetime]:
    try:
        return span(start, minutes)
    except (ValueError, OverflowError):
        raise ToolRefusedError("invalid_arguments", f"there is no time {start}; write 2030-03-14T09:30") from None


def _day(date: str) -> str:
    _span(f"{date}T00:00", 0)
    return date


def _known(world: World, addresses: Iterable[str]) -> None:
    for address in addresses:
        find(world.contacts, "contact", address)


def _goes(event: Event, address: str) -> bool:
    return address == event.organizer or event.attendees.get(address, "declined") != "declined"


def _overlapping(world: World, start: str, minutes: int, without: str = "") -> list[tuple[str, Event]]:
    begin, end = _span(start, minutes)
    found = []
    for event_id, event in world.events.items():
        first, last = span(event.start, event.minutes)
        if event_id != without and not event.cancelled and first < end and begin < last:
            found.append((event_id, event))
    return found


def _require_free(world: World, start: str, minutes: int, without: str = "") -> None:
    for event_id, event in _overlapping(world, start, minutes, without):
        if _goes(event, world.me) and event.attendees.get(world.me) != "invited":
            raise ToolRefusedError("conflict", f"you have event {event_id} then; choose another time")


def _require_room(world: World, room_id: str, people: int, start: str, minutes: int, without: str = "") -> None:
    room = find(world.rooms, "room", room_id)
    if people > room.seats:
        raise ToolRefusedError("limit_exceeded", f"room {room_id} has {room.seats} seats for {people} people")
    for event_id, event in _overlapping(world, start, minutes, without):
        if event.room_id == room_id:
            raise ToolRefusedError("conflict", f"room {room_id} is taken by event {event_id}; choose another room")


def find_contact(world: World, name: str) -> dict[str, Any]:
    for address, contact in world.contacts.items():
        if contact.name == name:
            return {"email": address, **asdict(contact)}
    raise ToolRefusedError("not_found", f"there is no contact named {name}; check the spelling")


def list_events(world: World, date: str, limit: int = 10) -> dict[str, Any]:
    found = [
        {"event_id": key, "title": event.title, "start": event.start}
        for key, event in world.events.items()
        if event.start.startswith(_day(date)) and not event.cancelled
    ]
    return {"date": date, "events": sorted(found, key=lambda row: (row["start"], row["event_id"]))[:limit]}


def search_events(world: World, query: str) -> dict[str, Any]:
    found = [(key, event) for key, event in world.events.items() if query.lower() in event.title.lower()]
    return {"events": [{"event_id": key, "title": event.title, "start": event.start} for key, event in found]}


def get_event(world: World, event_id: str) -> dict[str, Any]:
    return {"event_id": event_id, **asdict(find(world.events, "event", event_id))}


def create_event(
    world: World,
    title: str,
    start: str,
    minutes: int,
    attendees: Sequence[str] = (),
    room_id: str | None = None,
    reminder: dict[str, Any] | None = None,
) -> dict[str, Any]:
    _known(world, attendees)
    _require_free(world, start, minutes)
    if room_id is not None:
        _require_room(world, room_id, len(attendees) + 1, start, minutes)
    event_id = fresh_id(world.events, "E")
    event = Event(title, start, minutes, world.me, dict.fromkeys(attendees, "invited"), room_id)
    event.reminder = Reminder(**reminder) if reminder else None
    world.events[event_id] = event
    return {"event_id": event_id}


def move_event(world: World, event_id: str, start: str) -> dict[str, Any]:
    event = _own_event(world, event_id)
    _require_free(world, start, event.minutes, event_id)
    if event.room_id is not None:
        _require_room(world, event.room_id, len(event.attendees) + 1, start, event.minutes, event_id)
    event.start = start
    return {"event_id": event_id, "start": start}


def cancel_event(world: World, event_id: str) -> dict[str, Any]:
    _own_event(world, event_id).cancelled = True
    return {"event_id": event_id, "cancelled": True}


def invite(world: World, event_id: str, attendees: Sequence[str]) -> dict[str, Any]:
    event = _own_event(world, event_id)
    _known(world, attendees)
    for address in attendees:
        if address in event.attendees:
            raise ToolRefusedError("conflict", f"{address} is invited to event {event_id} already")
    if event.room_id is not None and len(event.attendees) + len(attendees) + 1 > world.rooms[event.room_id].seats:
        raise ToolRefusedError("limit_exceeded", f"room {event.room_id} has no seats left; book a larger room")
    event.attendees.update(dict.fromkeys(attendees, "invited"))
    return {"event_id": event_id, "attendees": sorted(event.attendees)}


def answer_invitation(world: World, event_id: str, answer: str) -> dict[str, Any]:
    event = _event(world, event_id)
    if world.me not in event.attendees:
        raise ToolRefusedError("conflict", f"you are not invited to event {event_id}")
    if answer == "accepted":
        _require_free(world, event.start, event.minutes, event_id)
    event.attendees[world.me] = answer
    return {"event_id": event_id, "answer": answer}


def find_free_time(world: World, attendees: Sequence[str], date: str, minutes: int) -> dict[str, Any]:
    _known(world, attendees)
    begin, _ = _span(f"{_day(date)}T{_OPENS:02}:00", 0)
    while (end := begin + timedelta(minutes=minutes)).hour < _CLOSES and end.day == begin.day:
        busy = _overlapping(world, start := begin.strftime(MINUTE), minutes)
        if not any(_goes(event, address) for _, event in busy for address in (world.me, *attendees)):
            return {"start": start, "minutes": minutes}
        begin += timedelta(minutes=_STEP_MINUTES)
    raise ToolRefusedError("not_found", f"nobody has {minutes} minutes for all on {date}; choose another date")


def find_room(world: World, seats: int, start: str, minutes: int) -> dict[str, Any]:
    taken = {event.room_id for _, event in _overlapping(world, start, minutes)}
    free = [(key, room) for key, room in world.rooms.items() if key not in taken and room.seats >= seats]
    if not free:
        raise ToolRefusedError("not_found", f"no room with {seats} seats is free then; choose another time")
    return {"rooms": [{"room_id": key, **asdict(room)} for key, room in free]}


def book_room(world: World, event_id: str, room_id: str) -> dict[str, Any]:
    event = _own_event(world, event_id)
    if event.room_id == room_id:
        raise ToolRefusedError("conflict", f"event {event_id} is in room {room_id} already")
    _require_room(world, room_id, len(event.attendees) + 1, event.start, event.minutes, event_id)
    event.room_id = room_id
    return {"event_id": event_id, "room_id": room_id}


def search_mail(world: World, query: str, labelled: str | None = None, unread: bool = False) -> dict[str, Any]:
    found = [
        {"thread_id": key, "subject": thread.subject}
        for key, thread in world.threads.items()
        if query.lower() in thread.subject.lower()
        and (labelled is None or labelled in thread.labels)
        and (thread.unread or not unread)
    ]
    return {"threads": found}


def read_thread(world: World, thread_id: str) -> dict[str, Any]:
    thread = find(world.threads, "thread", thread_id)
    return {"thread_id": thread_id, **asdict(thread)}


def _send(world: World, thread_id: str, thread: Thread, to: Sequence[str], body: str) -> dict[str, Any]:
    world.mails_left -= 1
    thread.messages.append(Mail(world.me, [*to], body))
    world.threads[thread_id] = thread
    return {"thread_id": thread_id, "to": [*to], "mails_left": world.mails_left}


def _require_mails_left(world: World) -> None:
    if world.mails_left < 1:
        raise ToolRefusedError("limit_exceeded", "today's mails have been sent; keep it as a draft")


def reply(world: World, thread_id: str, body: str) -> dict[str, Any]:
    thread = find(world.threads, "thread", thread_id)
    _require_mails_left(world)
    return _send(world, thread_id, thread, sorted({mail.sender for mail in thread.messages} - {world.me}), body)


def create_draft(world: World, to: Sequence[str], subject: str, body: str) -> dict[str, Any]:
    _known(world, to)
    draft_id = fresh_id(world.drafts, "D")
    world.drafts[draft_id] = MailDraft([*to], subject, body)
    return {"draft_id": draft_id}


def send_draft(world: World, draft_id: str) -> dict[str, Any]:
    draft = find(world.drafts, "draft", draft_id)
    _require_mails_left(world)
    del world.drafts[draft_id]
    thread = Thread(draft.subject, [], unread=False)
    return _send(world, fresh_id(world.threads, "M"), thread, draft.to, draft.body)


def label_thread(world: World, thread_id: str, label: str) -> dict[str, Any]:
    thread = find(world.threads, "thread", thread_id)
    if label in thread.labels:
        raise ToolRefusedError("conflict", f"thread {thread_id} has the label {label} already")
    thread.labels.append(label)
    return {"thread_id": thread_id, "labels": [*thread.labels]}


_EVENT_ID, _THREAD_ID, _ROOM_ID = text("Event id"), text("Thread id"), text("Room id")
_DATE = text("Date, such as 2030-03-14", pattern=r"^\d{4}-\d{2}-\d{2}$")
_START = text("Date and time, such as 2030-03-14T09:30", pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$")
_MINUTES = whole("Length in minutes", 5, 480)
_ADDRESSES = several({"type": "string"}, "Addresses of contacts", 10)
_REMINDER = record(
    "When and how to be reminded", minutes_before=whole("Minutes before", 0, 1440), method=choice(METHODS)
)

TOOLS = by_name(
    tool(find_contact, "Find a contact by name.", name=text("Full name")),
    tool(
        list_events,
        "List the events of a day in their order.",
        optional=("limit",),
        date=_DATE,
        limit=whole("Most events to list", 1, 50, default=10),
    ),
    tool(search_events, "Search events by their title.", query=text("Part of the title")),
    tool(get_event, "Get the details of an event.", event_id=_EVENT_ID),
    tool(
        create_event,
        "Create an event in your calendar.",
        optional=("attendees", "room_id", "reminder"),
        title=text("Title", minLength=1),
        start=_START,
        minutes=_MINUTES,
        attendees=_ADDRESSES,
        room_id=_ROOM_ID,
        reminder=_REMINDER,
    ),
    tool(move_event, "Move an event of yours to another time.", event_id=_EVENT_ID, start=_START),
    tool(cancel_event, "Cancel an event of yours.", event_id=_EVENT_ID),
    tool(invite, "Invite people to an event of yours.", event_id=_EVENT_ID, attendees=_ADDRESSES),
    tool(answer_invitation, "Answer an invitation.", event_id=_EVENT_ID, answer=choice(ANSWERS)),
    tool(
        find_free_time,
        "Find the first time of a day when you and others are free.",
        attendees=_ADDRESSES,
        date=_DATE,
        minutes=_MINUTES,
    ),
    tool(find_room, "Find free rooms.", seats=whole("Seats needed", 1, 50), start=_START, minutes=_MINUTES),
    tool(book_room, "Book a room for an event of yours.", event_id=_EVENT_ID, room_id=_ROOM_ID),
    tool(
        search_mail,
        "Search mail threads by their subject.",
        optional=("labelled", "unread"),
        query=text("Part of the subject"),
        labelled=choice(LABELS),
        unread={"type": "boolean", "description": "Unread threads only", "default": False},
    ),
    tool(read_thread, "Read a mail thread.", thread_id=_THREAD_ID),
    tool(reply, "Reply to all in a mail thread.", thread_id=_THREAD_ID, body=text("Text", minLength=1)),
    tool(
        create_draft,
        "Write a mail without sending it.",
        to=_ADDRESSES,
        subject=text("Subject", minLength=1),
        body=text("Text", minLength=1),
    ),
    tool(send_draft, "Send a draft.", draft_id=text("Draft id")),
    tool(label_thread, "Put a label on a mail thread.", thread_id=_THREAD_ID, label=choice(LABELS)),
)
