"""Refusals about lots.

NoSuchLot (404)     or nothing of it was ever at a site of who asks
"""

from api.problems import NotFound


class NoSuchLot(NotFound):
    def __init__(self, sku: str, lot: str) -> None:
        super().__init__(f"There is no lot {lot} of {sku}.")
