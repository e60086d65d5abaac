"""Machines that record while things break: each sends an event until it is answered, as a till
that retries blindly does, and keeps every answer.
"""

import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx

from tests.integration.ledger_shop import BACK, CLAW, DUCK, ELSEWHERE, SHELF, row

# What comes here comes from the tills only, and only in: its sum is known outside the ledger.
ACCOUNT = {"sku": DUCK, "location": ELSEWHERE}
_PAUSE_S = 0.1
_ANSWERED_WITHIN_S = 90.0
_ROWS = 20
# What may be gone already: the stock, or the promise that others' sales have broken.
_MAY_BE_REFUSED = frozenset({"reserved", "released", "shipped"})
_TO_SEND_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class Till(threading.Thread):
    """One client; `answers` holds the body of each event's first answer, empty for a list's row."""

    def __init__(self, address: str, key: str, seed: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=20,
        )
        self._random = random.Random(seed)  # noqa: S311 - a load, not a secret
        self._number = seed
        self._over = over
        self._reservation: str | None = None
        self.answers: dict[UUID, bytes] = {}
        self.sent: dict[UUID, dict[str, Any]] = {}
        self.in_vain = 0
        self.complaints: list[str] = []

    @property
    def account(self) -> int:
        """What this till brought to the account, each event once."""
        return sum(
            given["quantity"]
            for event_id, given in self.sent.items()
            if event_id in self.answers
            and (given.get("sku"), given.get("location")) == (ACCOUNT["sku"], ACCOUNT["location"])
        )

    def run(self) -> None:
        with self._client:
            for turn in itertools.count(1):
                closing = self._over.is_set()
                try:
                    if not closing:
                        self._turn(turn)
                    elif self._reservation is not None:
                        self._one(self._kept(self._give_back()))
                except Exception as error:  # noqa: BLE001 - the thread's edge: told by the judge
                    self.complaints.append(repr(error))
                    return
                if closing:
                    return

    def _turn(self, turn: int) -> None:
        if turn % 10 == 0:
            self._list([self._event() for _ in range(_ROWS)])
        elif turn % 7 == 0 and self.answers:
            self._repeat(self._random.choice(list(self.answers)))
        else:
            self._one(self._event())

    def _event(self) -> dict[str, Any]:
        chance = self._random
        number = chance.randint(1, 9)
        # Of two that share one, either may come first, or alone.
        transfer = str(UUID(int=self._number * 2**64 + len(self.sent) // 40))
        given = chance.choice(
            (
                lambda: row("received", **ACCOUNT, quantity=number),
                lambda: row("received", location=BACK, quantity=2 * number),
                lambda: row("transferred", location=BACK, to_location=CLAW, quantity=number),
                lambda: row("transferred", location=CLAW, to_location=BACK, quantity=number),
                lambda: row("sold", location=chance.choice((CLAW, SHELF)), quantity=number),
                lambda: row("counted", location=SHELF, quantity=10 * number),
                lambda: row("received", location=SHELF, quantity=number, lot=f"LOT-{number}"),
                lambda: self._promise(number),
                lambda: row(
                    "dispatched", location=BACK, to_location=ELSEWHERE, transfer_id=transfer
                ),
                lambda: row("arrived", location=ELSEWHERE, transfer_id=transfer),
                lambda: row(
                    "adjusted",
                    location=CLAW,
                    quantity=...,
                    quantity_change=-number,
                    reason="damaged",
                ),
            )
        )()
        return self._kept(given)

    def _kept(self, given: dict[str, Any]) -> dict[str, Any]:
        self.sent[UUID(given["event_id"])] = given
        return given

    def _promise(self, number: int) -> dict[str, Any]:
        """Reserve; of what was reserved before, ship one or give all that is left back."""
        if self._reservation is None:
            return row("reserved", location=BACK, quantity=number)
        if self._random.random() < 0.5:
            return row("shipped", sku=..., location=..., reservation=self._reservation)
        return self._give_back()

    def _give_back(self) -> dict[str, Any]:
        reservation, self._reservation = self._reservation, None
        return row("released", sku=..., location=..., reservation=reservation, quantity=...)

    def _recorded(self, given: dict[str, Any], answer: bytes) -> None:
        self.answers[UUID(given["event_id"])] = answer
        if given["event_type"] == "reserved":
            self._reservation = given["event_id"]

    def _one(self, given: dict[str, Any]) -> None:
        answer = self._until_answered("/v1/inventory-events", given)
        if answer.status_code in (200, 201):
            self._recorded(given, answer.content)
        elif given["event_type"] in _MAY_BE_REFUSED and answer.status_code == 409:
            del self.sent[UUID(given["event_id"])]  # a request may be refused
        else:
            self.complaints.append(f"{answer.status_code} to {given}: {answer.text[:500]}")

    def _list(self, given: list[dict[str, Any]]) -> None:
        answer = self._until_answered("/v1/inventory-events/batch", {"events": given})
        if answer.status_code != 200:
            self.complaints.append(f"{answer.status_code} to a list: {answer.text[:500]}")
            return
        for sent, result in zip(given, answer.json()["results"], strict=True):
            if result["status"] == "rejected":
                # A row that the database had no time for; the till sends it again, alone.
                status = result["problem"]["status"]
                refused = sent["event_type"] in _MAY_BE_REFUSED and status == 409
                if not refused and status not in _TO_SEND_AGAIN:
                    self.complaints.append(f"rejected: {result}")
                self._one(sent)
            else:
                self._recorded(sent, b"")

    def _repeat(self, event_id: UUID) -> None:
        answer = self._until_answered("/v1/inventory-events", self.sent[event_id])
        first = self.answers[event_id]
        if answer.status_code != 200:
            self.complaints.append(f"{answer.status_code} to a repeat of {event_id}")
        elif first and answer.content != first:
            self.complaints.append(f"a repeat got {answer.text}, the first {first.decode()}")

    def _until_answered(self, path: str, body: dict[str, Any]) -> httpx.Response:
        deadline = time.monotonic() + _ANSWERED_WITHIN_S
        content = json.dumps(body)
        while True:
            last: str
            try:
                answer = self._client.post(path, content=content)
                if answer.status_code not in _TO_SEND_AGAIN:
                    return answer
                last = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code == 500:
                    self.complaints.append(last)
            except httpx.HTTPError as error:
                last = repr(error)
            self.in_vain += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer within {_ANSWERED_WITHIN_S:.0f} s; last: {last}")
            time.sleep(_PAUSE_S)


@contextmanager
def tills_at_work(address: str, key: str, *, count: int, seed: int) -> Iterator[list[Till]]:
    """Tills that record until the block ends; then each finishes what it has in hand."""
    over = threading.Event()
    tills = [Till(address, key, seed * 1000 + number, over) for number in range(count)]
    for till in tills:
        till.start()
    try:
        yield tills
    finally:
        over.set()
        for till in tills:
            till.join(timeout=_ANSWERED_WITHIN_S + 30)
