"""How users ask for one call of the calendar or the mailbox."""

from __future__ import annotations

from distill.environments.scenarios.wordings import acts

REQUESTS = {
    "find_contact": acts(
        ("find the contact {name}", "look up {name} in my contacts", "get the address of {name}"),
        ("dig out which address {name} has", "search my address book for {name}"),
    ),
    "list_events": acts(
        (
            "list my events on {date}",
            "show what is on my calendar on {date}",
            "show the first {limit} events of {date}",
        ),
        ("tell me everything planned for {date}", "read out up to {limit} appointments of {date}"),
    ),
    "search_events": acts(
        ("search my events for {query}", "find the event called {query}", "look for the event {query}"),
        ("check if a {query} stands in my calendar", "locate an appointment named {query}"),
    ),
    "get_event": acts(
        ("show the details of event {event_id}", "get event {event_id}", "see who comes to event {event_id}"),
        ("open the entry {event_id}", "tell me all about event {event_id}"),
    ),
    "create_event": acts(
        (
            "create the event {title} at {start} for {minutes}",
            "put {title} on my calendar at {start}, {minutes} long, with {attendees}",
            "schedule {title} for {start}, length {minutes}, in room {room_id}",
            "add the event {title} at {start}, {minutes}, and remind me {reminder}",
        ),
        (
            "block {minutes} for {title} from {start} on",
            "set up a {title} with {attendees} that starts {start} and takes {minutes}",
            "enter {title}, {start}, {minutes}, reminder {reminder}",
        ),
    ),
    "move_event": acts(
        ("move event {event_id} to {start}", "reschedule {event_id} to {start}", "start event {event_id} at {start}"),
        ("shift the appointment {event_id} so that it begins {start}", "postpone {event_id} until {start}"),
    ),
    "cancel_event": acts(
        ("cancel event {event_id}", "call off my event {event_id}", "cancel {event_id} for everybody"),
        ("drop the appointment {event_id}", "see that {event_id} does not take place"),
    ),
    "invite": acts(
        (
            "invite {attendees} to event {event_id}",
            "add {attendees} to {event_id}",
            "ask {attendees} to join {event_id}",
        ),
        ("bring {attendees} into the appointment {event_id}", "extend {event_id} by the guests {attendees}"),
    ),
    "answer_invitation": acts(
        ("answer the invitation to {event_id} with {answer}", "mark me as {answer} for event {event_id}"),
        ("respond {answer} to whoever invited me to {event_id}", "let them know my answer for {event_id}: {answer}"),
    ),
    "find_free_time": acts(
        (
            "find {minutes} when {attendees} and I are free on {date}",
            "look for a free slot of {minutes} on {date} with {attendees}",
        ),
        ("work out when on {date} {attendees} could spare {minutes} with me",),
    ),
    "find_room": acts(
        (
            "find a room for {seats} people at {start} for {minutes}",
            "see which rooms with {seats} seats are free for {minutes} at {start}",
        ),
        ("check where {seats} of us could sit from {start}, {minutes} long",),
    ),
    "book_room": acts(
        (
            "book room {room_id} for event {event_id}",
            "put event {event_id} in room {room_id}",
            "use {room_id} for {event_id}",
        ),
        ("reserve {room_id} so that {event_id} has a place", "let {event_id} take place in {room_id}"),
    ),
    "search_mail": acts(
        (
            "search my mail for {query}",
            "find mails about {query} with the label {labelled}",
            "look for {unread} mail on {query}",
        ),
        ("check what was written to me on {query}", "hunt for {query} among mails labelled {labelled}"),
    ),
    "read_thread": acts(
        ("read the mail thread {thread_id}", "open thread {thread_id}", "show the mails in {thread_id}"),
        ("let me see what {thread_id} says", "display the conversation {thread_id}"),
    ),
    "reply": acts(
        (
            "reply to {thread_id}: {body}",
            "answer thread {thread_id} with the text {body}",
            "write {body} back in {thread_id}",
        ),
        ("respond in the conversation {thread_id} that {body}", "send them an answer on {thread_id} saying {body}"),
    ),
    "create_draft": acts(
        (
            "draft a mail to {to} about {subject} that says {body}",
            "prepare a mail to {to}, subject {subject}, text {body}",
        ),
        ("write up something for {to} headed {subject}: {body}, but keep it unsent",),
    ),
    "send_draft": acts(
        ("send the draft {draft_id}", "send {draft_id} now", "mail my draft {draft_id}"),
        ("get the unsent {draft_id} out of the door", "dispatch {draft_id}"),
    ),
    "label_thread": acts(
        ("label thread {thread_id} as {label}", "put the label {label} on {thread_id}", "tag {thread_id} with {label}"),
        ("sort the conversation {thread_id} under {label}", "mark {thread_id} {label}"),
    ),
}
FOLLOW_UPS = {
    ("get_event", "event_id"): acts(("show me its details", "get that event"), ("open this very entry",)),
    ("move_event", "event_id"): acts(
        ("move it to {start}", "reschedule that event to {start}"), ("postpone it until {start}",)
    ),
    ("cancel_event", "event_id"): acts(("cancel it", "call that event off"), ("drop this appointment again",)),
    ("invite", "event_id"): acts(
        ("invite {attendees} to it", "add {attendees} to that event"), ("bring {attendees} in there, too",)
    ),
    ("book_room", "event_id"): acts(
        ("book room {room_id} for it", "put that event in {room_id}"), ("reserve {room_id} for this appointment",)
    ),
    ("answer_invitation", "event_id"): acts(
        ("answer its invitation with {answer}", "mark me as {answer} for it"), ("respond {answer} to this one",)
    ),
    ("read_thread", "thread_id"): acts(("read that thread", "open it"), ("let me see what is written there",)),
    ("reply", "thread_id"): acts(
        ("reply there: {body}", "answer that thread with {body}"), ("respond in this conversation that {body}",)
    ),
    ("label_thread", "thread_id"): acts(
        ("label it {label}", "put the label {label} on that thread"), ("sort this conversation under {label}",)
    ),
    ("send_draft", "draft_id"): acts(("send it", "send that draft now"), ("dispatch what you have written",)),
}
GAPS = {
    ("find_contact", "name"): acts(
        ("find a contact", "look up somebody in my contacts"), ("search my address book for someone",)
    ),
    ("list_events", "date"): acts(
        ("list my events of one day", "show a day of my calendar"), ("read out the appointments of a day",)
    ),
    ("get_event", "event_id"): acts(
        ("show the details of an event", "see who comes to the event"), ("open an entry of my calendar",)
    ),
    ("create_event", "start"): acts(
        ("create the event {title} for {minutes}", "put {title} on my calendar, {minutes} long"),
        ("block {minutes} for {title}",),
    ),
    ("create_event", "minutes"): acts(
        ("create the event {title} at {start}", "schedule {title} for {start}"),
        ("set up a {title} that starts {start}",),
    ),
    ("move_event", "event_id"): acts(
        ("move my event to {start}", "reschedule an event to {start}"), ("postpone one appointment until {start}",)
    ),
    ("move_event", "start"): acts(
        ("move event {event_id}", "reschedule {event_id}"), ("shift the appointment {event_id}",)
    ),
    ("cancel_event", "event_id"): acts(("cancel my event", "call an event off"), ("drop one of the appointments",)),
    ("book_room", "room_id"): acts(
        ("book a room for event {event_id}", "put event {event_id} in a room"), ("reserve some place for {event_id}",)
    ),
    ("answer_invitation", "answer"): acts(
        ("answer the invitation to {event_id}",), ("respond to whoever invited me to {event_id}",)
    ),
    ("reply", "body"): acts(
        ("reply to {thread_id}", "answer thread {thread_id}"), ("respond in the conversation {thread_id}",)
    ),
    ("read_thread", "thread_id"): acts(
        ("read a mail thread", "open one of my threads"), ("let me see what a conversation says",)
    ),
    ("label_thread", "label"): acts(
        ("label thread {thread_id}", "put a label on {thread_id}"), ("sort the conversation {thread_id}",)
    ),
    ("send_draft", "draft_id"): acts(("send a draft", "send my draft now"), ("dispatch something unsent",)),
}
WORDS = {
    "name": "name",
    "date": "date",
    "event_id": "event",
    "thread_id": "thread",
    "draft_id": "draft",
    "room_id": "room",
    "start": "time",
    "minutes": "length",
    "answer": "answer",
    "label": "label",
    "body": "text",
    "attendees": "address",
    "to": "address",
}
