"""A calendar and a mailbox: contacts, rooms, events and their invitations, mail threads and drafts, from a seed."""
