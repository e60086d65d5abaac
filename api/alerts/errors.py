"""Why an alert cannot be changed."""

from uuid import UUID

from api.problems import Conflict, NotFound


class UnknownAlert(NotFound):
    slug = "unknown-alert"
    title = "There is no such alert"

    def __init__(self, alert_id: UUID) -> None:
        super().__init__(f"There is no alert {alert_id}.")


class NothingToConfirm(Conflict):
    slug = "nothing-to-confirm"
    title = "Only unusual demand is confirmed"

    def __init__(self, alert_id: UUID) -> None:
        super().__init__(f"Alert {alert_id} tells of no day of demand that could be confirmed.")


class AlertIsResolved(Conflict):
    slug = "alert-resolved"
    title = "The alert is over"

    def __init__(self, alert_id: UUID) -> None:
        super().__init__(f"Alert {alert_id} is resolved, so there is nothing left to do.")
