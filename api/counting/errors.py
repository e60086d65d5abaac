"""Refusals about count sessions.

NoSuchCountSession, NoSuchCountLine (404)    or of a site that who asks has no part in
DifferentCountSession, DifferentCountLine (409)   the id is taken by other content
NotInState (409)                             its state does not allow that
OtherRound (409)                             the session is in another round
NotToRecount (409)                           in this round other levels are counted again
CountedOtherwise (409)                       as a whole and lot by lot do not mix
NothingCounted (409)                         there is nothing to review
ForeignLine (403)                            who entered it or a manager withdraws a line
OutsideOfSession (422)                       the place or product is not one of the session
BookNotShown (403)                           the count is blind
"""

from uuid import UUID

from api.problems import Conflict, Forbidden, NotFound, UnprocessableContent, field_error


class NoSuchCountSession(NotFound):
    def __init__(self, count_session_id: UUID) -> None:
        super().__init__(f"There is no count session {count_session_id}.")


class NoSuchCountLine(NotFound):
    def __init__(self, line_id: UUID) -> None:
        super().__init__(f"There is no line {line_id} in this count session.")


class _Different(Conflict):
    slug = "different-content"
    title = "The id is taken by other content"
    what: str

    def __init__(self, taken_id: UUID, fields: list[str]) -> None:
        super().__init__(
            f"The {self.what} {taken_id} is there with other content.",
            errors=[field_error(f"#/{field}", "differs from what is kept") for field in fields],
        )


class DifferentCountSession(_Different):
    what = "count session"


class DifferentCountLine(_Different):
    what = "line"


class NotInState(Conflict):
    slug = "count-session-state"
    title = "The state of the count session does not allow that"

    def __init__(self, state: str, *, expected: str) -> None:
        super().__init__(f"The count session is {state}; expected one that is {expected}.")


class OtherRound(Conflict):
    slug = "other-round"
    title = "The count session is in another round"

    def __init__(self, count_round: int) -> None:
        detail = f"The count session is in round {count_round}"
        super().__init__(f"{detail}.", errors=[field_error("#/round", detail)])


class NotToRecount(Conflict):
    slug = "not-to-recount"
    title = "In this round other levels are counted again"

    def __init__(self, sku: str, location: str) -> None:
        super().__init__(f"{sku} at {location} is not to be counted again in this round.")


class CountedOtherwise(Conflict):
    slug = "counted-otherwise"
    title = "A product is counted as a whole or lot by lot"

    def __init__(self, sku: str, location: str, *, by_lot: bool) -> None:
        way = "lot by lot: name the lot" if by_lot else "as a whole: leave the lot out"
        detail = f"{sku} at {location} is counted {way}, or withdraw those lines first"
        super().__init__(f"{detail}.", errors=[field_error("#/lot", detail)])


class NothingCounted(Conflict):
    slug = "nothing-counted"
    title = "Nothing was counted yet"

    def __init__(self) -> None:
        super().__init__("Nothing was counted yet, so there is nothing to review.")


class ForeignLine(Forbidden):
    def __init__(self) -> None:
        super().__init__("A line is withdrawn by who entered it, or by a manager.")


class OutsideOfSession(UnprocessableContent):
    slug = "outside-of-count-session"
    title = "The count session does not cover that"

    def __init__(self, field: str, code: str) -> None:
        detail = f"{code} is not covered by this count session"
        super().__init__(f"{detail}.", errors=[field_error(f"#/{field}", detail)])


class BookNotShown(Forbidden):
    def __init__(self) -> None:
        super().__init__("This count is blind: what the book holds is shown at its review.")
