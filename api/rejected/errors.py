"""Refusals about rejected events.

NoSuchRejectedEvent (404)
Settled (409)               it was recorded or discarded already
OtherEventId (422)          an event is mended under its own event_id
"""

from uuid import UUID

from api.problems import Conflict, NotFound, UnprocessableContent, field_error


class NoSuchRejectedEvent(NotFound):
    def __init__(self, rejected_id: int) -> None:
        super().__init__(f"There is no rejected event {rejected_id}.")


class Settled(Conflict):
    slug = "settled"
    title = "It is settled already"

    def __init__(self, rejected_id: int, status: str) -> None:
        super().__init__(f"The rejected event {rejected_id} is {status} already.")


class OtherEventId(UnprocessableContent):
    slug = "other-event-id"
    title = "An event is mended under its own event_id"

    def __init__(self, event_id: UUID) -> None:
        detail = f"Expected {event_id}, under which it was sent"
        super().__init__(f"{detail}.", errors=[field_error("#/event_id", detail)])
