"""Refusals of the feed.

NoSuchEvent (404)
EpochChanged (410)     the cursor is of a ledger before a restore
FeedBusy (503)         as many wait for events as may
"""

from uuid import UUID

from api.problems import Gone, NotFound, Unavailable


class NoSuchEvent(NotFound):
    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"There is no event {event_id}.")


class EpochChanged(Gone):
    slug = "another-epoch"
    title = "The ledger was restored"

    def __init__(self) -> None:
        super().__init__(
            "The cursor is of the ledger before a restore: drop what was read, "
            "and start again without `after`."
        )


class FeedBusy(Unavailable):
    slug = "feed-busy"
    title = "Too many wait for events already"

    def __init__(self) -> None:
        super().__init__(
            "As many requests wait for events as may; ask without `wait`, or later.",
            retry_after_s=5,
        )
