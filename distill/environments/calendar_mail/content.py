"""What scenarios of the calendar and the mailbox are made of."""

from __future__ import annotations

from typing import Any

from distill.environments.calendar_mail import draws, sentences
from distill.environments.calendar_mail.tools import TOOLS
from distill.environments.calendar_mail.world import build_world, span
from distill.environments.scenarios.content import LISTED, QUOTED, Beyond, Chain, Content, Fallback, Saying, Stage, only
from distill.environments.scenarios.wordings import acts


def _email(results: Any) -> Any:
    return [results[0]["email"]]


def _found_event(results: Any) -> Any:
    return only(results[0]["events"], "event_id")


def _found_thread(results: Any) -> Any:
    return only(results[0]["threads"], "thread_id")


_CHAINS = (
    Chain(
        (Stage("find_contact"), Stage("create_draft", {"to": _email})),
        acts(
            (
                "draft a mail to {name} about {subject} that says {body}",
                "prepare a mail for {name}, subject {subject}: {body}",
            ),
            ("write up something headed {subject} for {name}, unsent: {body}",),
        ),
    ),
    Chain(
        (Stage("find_contact"), Stage("invite", {"attendees": _email})),
        acts(
            ("invite {name} to event {event_id}", "ask {name} to join {event_id}"),
            ("bring {name} into the appointment {event_id}",),
        ),
    ),
    Chain(
        (Stage("search_events"), Stage("cancel_event", {"event_id": _found_event})),
        acts(("cancel the {query}", "call off my event {query}"), ("see that the {query} does not take place",)),
    ),
    Chain(
        (Stage("search_events"), Stage("move_event", {"event_id": _found_event})),
        acts(
            ("move the {query} to {start}", "reschedule my event {query} to {start}"),
            ("postpone the {query} until {start}",),
        ),
    ),
    Chain(
        (Stage("search_mail"), Stage("reply", {"thread_id": _found_thread})),
        acts(("reply to the mail about {query}: {body}",), ("respond to whoever wrote on {query} that {body}",)),
    ),
    Chain(
        (Stage("search_mail"), Stage("label_thread", {"thread_id": _found_thread})),
        acts(("label the mail about {query} as {label}",), ("sort what was written on {query} under {label}",)),
    ),
    Chain(
        (Stage("find_room"), Stage("create_event", {"room_id": lambda results: results[0]["rooms"][0]["room_id"]})),
        acts(
            ("create the event {title} at {start} for {minutes} in the first free room with {seats} seats",),
            ("block {minutes} from {start} for {title}, wherever the first {seats} seats are free",),
        ),
    ),
    Chain(
        (
            Stage("find_contact"),
            Stage("create_draft", {"to": _email}),
            Stage("send_draft", {"draft_id": lambda results: results[1]["draft_id"]}),
        ),
        acts(
            ("mail {name} about {subject}: {body}", "send {name} a mail, subject {subject}, text {body}"),
            ("get {name} to know under {subject} that {body}",),
        ),
    ),
    Chain(
        (
            Stage("find_contact"),
            Stage("find_free_time", {"attendees": _email}),
            Stage("create_event", {"attendees": _email, "start": lambda results: results[1]["start"]}),
        ),
        acts(
            ("create the event {title} with {name} for {minutes} at our first free time on {date}",),
            ("block {minutes} for {title} as soon as {name} and I are both free on {date}",),
        ),
    ),
    Chain(
        (
            Stage("search_events"),
            Stage("get_event", {"event_id": _found_event}),
            Stage(
                "find_room",
                {"start": lambda results: results[1]["start"], "minutes": lambda results: results[1]["minutes"]},
            ),
            Stage(
                "book_room", {"event_id": _found_event, "room_id": lambda results: results[2]["rooms"][0]["room_id"]}
            ),
        ),
        acts(
            ("book the first free room with {seats} seats for the {query}",),
            ("let the {query} take place wherever {seats} seats are free first",),
        ),
    ),
)


_FALLBACKS = (
    Fallback(
        ("create_event", "create_event"),
        "conflict",
        draws.taken_room,
        acts(
            ("create the event {title} at {start} for {minutes} in {room_id}, or in {then_room_id} if that is taken",),
            ("block {minutes} from {start} for {title}, best in {room_id}, failing that in {then_room_id}",),
        ),
    ),
    Fallback(
        ("cancel_event", "answer_invitation"),
        "permission_denied",
        draws.not_mine,
        acts(
            (
                "cancel event {event_id}, or if it is not mine answer {answer}",
                "call off {event_id}, or else mark me as {answer}",
            ),
            ("drop the appointment {event_id}; should only others be able to, respond {answer}",),
        ),
    ),
    Fallback(
        ("reply", "create_draft"),
        "limit_exceeded",
        draws.no_mails_left,
        acts(
            ("reply to {thread_id}: {body}, or if no mail can be sent today, draft it to {to} with subject {subject}",),
            ("respond on {thread_id} that {body}; past the limit, keep it unsent for {to} headed {subject}",),
        ),
    ),
    Fallback(
        ("move_event", "move_event"),
        "conflict",
        draws.busy_then,
        acts(
            ("move event {event_id} to {start}, or if I am busy then to {then_start}",),
            ("postpone {event_id} until {start}, failing that until {then_start}",),
        ),
    ),
)
_BEYOND = (
    Beyond(
        "read_thread",
        acts(
            ("translate thread {thread_id} into French", "print the mails in {thread_id}"),
            ("forge a signature under {thread_id}",),
        ),
    ),
    Beyond(
        "get_event",
        acts(
            ("order pizza for event {event_id}", "record event {event_id} on video"),
            ("hire a band for the appointment {event_id}",),
        ),
    ),
    Beyond(
        "find_contact",
        acts(("call {name} on the phone", "give {name} a pay rise"), ("send a bunch of flowers to {name}",)),
    ),
    Beyond(
        "book_room", acts(("paint room {room_id} green", "clean room {room_id}"), ("put new chairs into {room_id}",))
    ),
)


def _minutes(value: int) -> str:
    """As one says it: quarters of an hour, hours, and minutes."""
    named = {15: "a quarter of an hour", 30: "half an hour", 45: "three quarters of an hour", 60: "one hour"}
    hours, rest = divmod(value, 60)
    if value in named or not hours:
        return named.get(value, f"{value} minutes")
    return f"{hours} hours" if not rest else f"{hours} h {rest} min"


def _spoken(value: str) -> str:
    begin, _ = span(value, 0)
    return f"{begin.hour}:{begin.minute:02} on {begin:%B} {begin.day}, {begin.year}"


def _spoken_day(value: str) -> str:
    begin, _ = span(f"{value}T00:00", 0)
    return f"{begin:%B} {begin.day}, {begin.year}"


def _reminder(value: dict[str, Any]) -> str:
    return f"{value['minutes_before']} minutes before by {value['method']}"


CONTENT = Content(
    name="calendar_mail",
    build=build_world,
    tools=TOOLS,
    draws=draws.DRAWS,
    requests=sentences.REQUESTS,
    follow_ups=sentences.FOLLOW_UPS,
    gaps=sentences.GAPS,
    words=sentences.WORDS,
    chains=_CHAINS,
    fallbacks=_FALLBACKS,
    beyond=_BEYOND,
    reading=frozenset(
        (
            "find_contact",
            "list_events",
            "search_events",
            "get_event",
            "find_free_time",
            "find_room",
            "search_mail",
            "read_thread",
        )
    ),
    gives={"create_event": ("event_id",), "create_draft": ("draft_id",)},
    sayings={
        **dict.fromkeys(("title", "subject", "body", "query"), QUOTED),
        "attendees": LISTED,
        "to": LISTED,
        "minutes": Saying(lambda value: f"{value} minutes", _minutes),
        "start": Saying(str, _spoken),
        "date": Saying(str, _spoken_day),
        "unread": Saying(lambda _value: "unread", lambda _value: "new"),
        "reminder": Saying(_reminder, _reminder),
    },
    substitutes={
        "search_events": ("list_events",),
        "list_events": ("search_events",),
        "get_event": ("list_events", "search_events"),
        "reply": ("create_draft", "send_draft"),
        "create_draft": ("reply",),
        "move_event": ("create_event", "cancel_event"),
    },
)
