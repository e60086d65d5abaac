"""Refusals about lines of the plan and purchase orders.

NoSuchSuggestion, NoSuchOrder, NoSuchOrderLine (404)   or of a site that who asks has no part in
NoSuchSupplier (404)
MailNotSet (409)          no mail server is set
OtherVersion (409)        the plan changed since it was read
SuggestionIsOver (409)    it was dismissed, or its need has ended
NotAPurchase (409)        another kind of line
NoSupplier (409)          nobody is known who sells it
NeedIsGone (409)          what is there and on order is above the reorder point by now
OrderState (409)          the order's state does not allow that
DifferentReceipt (409)    the id is taken by another receipt
StaleOrder (412)          the order changed since it was read
NotWholePacks (422)
NotItsPlace (422)         a place of another site
"""

from collections.abc import Sequence
from uuid import UUID

from api.problems import Conflict, NotFound, PreconditionFailed, UnprocessableContent, field_error


class NoSuchSuggestion(NotFound):
    def __init__(self, suggestion_id: UUID) -> None:
        super().__init__(f"There is no suggestion {suggestion_id}.")


class NoSuchOrder(NotFound):
    def __init__(self, number: str) -> None:
        super().__init__(f"There is no purchase order {number}.")


class NoSuchOrderLine(NotFound):
    def __init__(self, number: str, line: int) -> None:
        super().__init__(f"There is no line {line} in {number}.")


class NoSuchSupplier(NotFound):
    def __init__(self, supplier: str) -> None:
        super().__init__(f"There is no supplier {supplier}.")


class MailNotSet(Conflict):
    slug = "mail-not-set"
    title = "There is no mail server"

    def __init__(self) -> None:
        super().__init__("Set PARSTOCK_SMTP_HOST and PARSTOCK_SMTP_FROM to mail orders.")


class OtherVersion(Conflict):
    slug = "other-version"
    title = "The plan changed since it was read"

    def __init__(self, version: int, quantity: int) -> None:
        super().__init__(f"The suggestion is at version {version} now: {quantity} units.")


class SuggestionIsOver(Conflict):
    slug = "suggestion-is-over"
    title = "The suggestion is over"

    def __init__(self, status: str) -> None:
        super().__init__(f"The suggestion is {status}.")


class NotAPurchase(Conflict):
    slug = "not-a-purchase"
    title = "Only a purchase becomes an order"

    def __init__(self, kind: str) -> None:
        super().__init__(f"The suggestion is a {kind}, and no purchase.")


class NoSupplier(Conflict):
    slug = "no-supplier"
    title = "Nobody is known who sells it"

    def __init__(self, sku: str) -> None:
        super().__init__(f"{sku} has no supplier: name one in the catalog first.")


class NeedIsGone(Conflict):
    slug = "need-is-gone"
    title = "There is enough by now"

    def __init__(self, position: int, reorder_point: int) -> None:
        super().__init__(
            f"{position} units are there or on order by now,"
            f" above the reorder point of {reorder_point}."
        )


class OrderState(Conflict):
    slug = "order-state"
    title = "The state of the order does not allow that"

    def __init__(self, number: str, status: str, *, why: str) -> None:
        super().__init__(f"{number} is {status}: {why}.")


class DifferentReceipt(Conflict):
    slug = "different-content"
    title = "The id is taken by other content"

    def __init__(self, receipt_id: UUID, fields: Sequence[str]) -> None:
        super().__init__(
            f"The receipt {receipt_id} is there with other content.",
            errors=[field_error(f"#/{field}", "differs from what is kept") for field in fields],
        )


class StaleOrder(PreconditionFailed):
    def __init__(self, number: str, version: int) -> None:
        super().__init__(f'{number} changed meanwhile; its ETag is "{version}" now.')


class NotWholePacks(UnprocessableContent):
    slug = "not-whole-packs"
    title = "It comes in packs"

    def __init__(self, pack_size: int) -> None:
        detail = f"Expected a multiple of {pack_size}: it comes in packs of so many"
        super().__init__(f"{detail}.", errors=[field_error("#/quantity", detail)])


class NotItsPlace(UnprocessableContent):
    slug = "not-its-place"
    title = "The order is for another site"

    def __init__(self, location: str, site: str) -> None:
        detail = f"{location} is no place of {site}, which the order is for"
        super().__init__(f"{detail}.", errors=[field_error("#/location", detail)])
