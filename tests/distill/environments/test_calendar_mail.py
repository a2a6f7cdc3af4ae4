"""The calendar and the mailbox: what each tool does, and how it refuses."""

from __future__ import annotations

import pytest

from distill.environments.calendar_mail.world import World, build_world
from tests.distill.environments.worlds import Played

SEED = 12


@pytest.fixture
def play() -> Played:
    played = Played("calendar_mail", SEED)
    played.world.mails_left = 2
    return played


def own(world: World) -> str:
    return next(key for key, event in world.events.items() if event.organizer == world.me)


def foreign(world: World) -> str:
    return next(key for key, event in world.events.items() if event.organizer != world.me)


def free_day(world: World) -> str:
    """A day of the year on which nothing is."""
    return f"{world.now[:4]}-12-31"


def test_contacts_are_found_by_name(play: Played) -> None:
    email, contact = next(iter(play.world.contacts.items()))
    assert play("find_contact", name=contact.name) == {"email": email, "name": contact.name, "team": contact.team}
    assert play.refused("find_contact", name="Nobody") == "not_found"


def test_events_are_listed_searched_and_read(play: Played) -> None:
    event_id, event = next(iter(play.world.events.items()))
    day = event.start[:10]
    listed = play("list_events", date=day)["events"]
    assert {"event_id": event_id, "title": event.title, "start": event.start} in listed
    assert [row["start"] for row in listed] == sorted(row["start"] for row in listed)
    assert len(play("list_events", date=day, limit=1)["events"]) == 1
    assert play("search_events", query=event.title.upper())["events"][0]["event_id"] == event_id
    assert play("get_event", event_id=event_id)["minutes"] == event.minutes
    assert play.refused("get_event", event_id="E-0") == "not_found"
    assert play.refused("list_events", date="2030-13-01") == "invalid_arguments"
    assert play.refused("list_events", date="soon") == "invalid_arguments"


def test_an_event_is_created_moved_and_cancelled(play: Played) -> None:
    day, people = free_day(play.world), list(play.world.contacts)[:1]
    room_id = max(play.world.rooms, key=lambda key: play.world.rooms[key].seats)
    reminder = {"minutes_before": 5, "method": "popup"}
    created = play(
        "create_event",
        title="chess",
        start=f"{day}T10:00",
        minutes=60,
        attendees=people,
        room_id=room_id,
        reminder=reminder,
    )
    event_id = created["event_id"]
    event = play("get_event", event_id=event_id)
    assert (event["attendees"], event["room_id"], event["reminder"]) == ({people[0]: "invited"}, room_id, reminder)
    assert play("move_event", event_id=event_id, start=f"{day}T10:30")["start"] == f"{day}T10:30"
    assert play.refused("create_event", title="go", start=f"{day}T11:00", minutes=5) == "conflict"
    assert play("create_event", title="go", start=f"{day}T11:30", minutes=5)["event_id"] == "E-2"
    assert play.refused("move_event", event_id="E-2", start=f"{day}T10:45") == "conflict"
    assert play("cancel_event", event_id=event_id)["cancelled"]
    assert play.refused("cancel_event", event_id=event_id) == "conflict"
    assert play.refused("cancel_event", event_id=foreign(play.world)) == "permission_denied"
    assert play.refused("move_event", event_id=event_id, start="9999-12-31T23:59") == "conflict"
    assert play.refused("create_event", title="go", start="9999-12-31T23:59", minutes=60) == "invalid_arguments"
    assert play.refused("create_event", title="go", start=f"{day}T15:00", minutes=0) == "invalid_arguments"
    assert play.refused("create_event", title="go", start=f"{day}T15:00", minutes=5, attendees=["x"]) == "not_found"
    wrong = {"minutes_before": 5, "method": "pigeon"}
    assert (
        play.refused("create_event", title="go", start=f"{day}T15:00", minutes=5, reminder=wrong) == "invalid_arguments"
    )


def test_rooms_have_seats_and_one_event_at_a_time(play: Played) -> None:
    start = f"{free_day(play.world)}T10:00"
    rooms = sorted(play.world.rooms, key=lambda key: play.world.rooms[key].seats)
    event_id = play("create_event", title="chess", start=start, minutes=60)["event_id"]
    assert play("book_room", event_id=event_id, room_id=rooms[0]) == {"event_id": event_id, "room_id": rooms[0]}
    assert play.refused("book_room", event_id=event_id, room_id=rooms[0]) == "conflict"
    assert play.refused("book_room", event_id=event_id, room_id="R-0") == "not_found"
    assert rooms[0] not in [room["room_id"] for room in play("find_room", seats=1, start=start, minutes=30)["rooms"]]
    assert play.refused("find_room", seats=50, start=start, minutes=30) == "not_found"
    play.world.rooms[rooms[0]].seats = 2
    assert play.refused("invite", event_id=event_id, attendees=list(play.world.contacts)[:2]) == "limit_exceeded"
    # An event of somebody else's at the same time and place.
    play.world.events[foreign(play.world)].start = start
    play.world.events[foreign(play.world)].room_id = rooms[1]
    assert play.refused("book_room", event_id=event_id, room_id=rooms[1]) == "conflict"


def test_people_are_invited_and_answer(play: Played) -> None:
    event_id = own(play.world)
    play.world.events[event_id].room_id = None
    new = next(email for email in play.world.contacts if email not in play.world.events[event_id].attendees)
    assert new in play("invite", event_id=event_id, attendees=[new])["attendees"]
    assert play.refused("invite", event_id=event_id, attendees=[new]) == "conflict"
    assert play.refused("invite", event_id=event_id, attendees=["x@y.example"]) == "not_found"
    assert play.refused("answer_invitation", event_id=event_id, answer="declined") == "conflict"
    other = foreign(play.world)
    assert play.refused("invite", event_id=other, attendees=[new]) == "permission_denied"
    assert play("answer_invitation", event_id=other, answer="tentative") == {"event_id": other, "answer": "tentative"}
    play.world.events[other].start = play.world.events[event_id].start
    assert play.refused("answer_invitation", event_id=other, answer="accepted") == "conflict"


def test_the_first_time_that_is_free_for_all_is_found(play: Played) -> None:
    day, people = free_day(play.world), list(play.world.contacts)[:1]
    assert play("find_free_time", attendees=people, date=day, minutes=60)["start"] == f"{day}T09:00"
    play("create_event", title="chess", start=f"{day}T09:15", minutes=60)
    assert play("find_free_time", attendees=people, date=day, minutes=60)["start"] == f"{day}T10:30"
    play("create_event", title="go", start=f"{day}T12:00", minutes=480)
    assert play.refused("find_free_time", attendees=people, date=day, minutes=240) == "not_found"


def test_mail_is_searched_read_answered_and_labelled(play: Played) -> None:
    thread_id, thread = next(iter(play.world.threads.items()))
    found = {"thread_id": thread_id, "subject": thread.subject}
    assert play("search_mail", query=thread.subject, unread=True)["threads"] == [found]
    assert play("search_mail", query=thread.subject, labelled="travel")["threads"] == []
    assert play("label_thread", thread_id=thread_id, label="travel")["labels"] == ["travel"]
    assert play("search_mail", query=thread.subject, labelled="travel")["threads"] == [found]
    assert play.refused("label_thread", thread_id=thread_id, label="travel") == "conflict"
    assert play.refused("label_thread", thread_id=thread_id, label="secret") == "invalid_arguments"
    sender = thread.messages[0].sender
    assert play("reply", thread_id=thread_id, body="yes") == {"thread_id": thread_id, "to": [sender], "mails_left": 1}
    assert [mail["body"] for mail in play("read_thread", thread_id=thread_id)["messages"]][1:] == ["yes"]
    assert play.refused("read_thread", thread_id="M-0") == "not_found"


def test_drafts_are_kept_until_sent_and_mails_are_limited(play: Played) -> None:
    people = list(play.world.contacts)[:2]
    draft_id = play("create_draft", to=people, subject="hello", body="world")["draft_id"]
    sent = play("send_draft", draft_id=draft_id)
    assert (sent["to"], sent["mails_left"]) == (people, 1)
    assert play.refused("send_draft", draft_id=draft_id) == "not_found"
    assert play.refused("create_draft", to=["x"], subject="hello", body="world") == "not_found"
    play("reply", thread_id=next(iter(play.world.threads)), body="yes")
    assert play.refused("reply", thread_id=next(iter(play.world.threads)), body="no") == "limit_exceeded"
    assert play.refused("send_draft", draft_id=next(iter(play.world.drafts))) == "limit_exceeded"


def test_a_world_has_events_of_mine_and_of_others() -> None:
    for seed in range(20):
        world = build_world(seed)
        assert own(world)
        assert foreign(world)
        assert len({event.title for event in world.events.values()}) == len(world.events)
