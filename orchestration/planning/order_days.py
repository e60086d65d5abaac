"""Weekdays on which a supplier takes orders, and how long an order has to last because of them."""

from datetime import date

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def days_to_order_day_after_next(order_days: str, today: date) -> int:
    """Days from `today` to the second day, today included, on which an order can be placed.

    An order of now leaves on the first of them; what it leaves open can only be ordered on the
    second. order_days: weekdays as in `mon thu`. Raises ValueError where none is named.
    """
    taken = {WEEKDAYS.index(day) for day in order_days.split()}
    if not taken:
        raise ValueError("order days are named, or there are none")
    ahead = [days for days in range(14) if (today.weekday() + days) % 7 in taken]
    return ahead[1]
