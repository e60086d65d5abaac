"""From the sale to the message: one tick waits, the next one takes over, and nothing is between."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg
import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from db.sql import load_queries
from orchestration.defs.alerts import watch as watching
from orchestration.defs.alerts.evaluation import Evaluation
from orchestration.defs.alerts.sensors import materialization
from orchestration.defs.alerts.watch import Served, Shift, watch
from orchestration.resources import Slack
from tests.integration.small_shop import BEAR, CLAW, DUCK, SmallShop, small_shop
from tests.slack_server import CHANNEL_NAME, TOKEN, Fault, SlackServer, slack_server

# The promise; on a machine that does nothing else it is a fraction of a second.
_SOON_S = 8.0


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def shop(database_url: str) -> SmallShop:
    return small_shop(database_url)


def resource(server: SlackServer) -> Slack:
    return Slack(token=TOKEN, base_url=server.base_url, channel=CHANNEL_NAME)


class Ticks:
    """What Dagster's daemon does with the two sensors: tick, a gap, tick again."""

    def __init__(self, shop: SmallShop, slack: Slack, *, shift: Shift, gap_s: float) -> None:
        self._shop, self._slack, self._shift, self._gap_s = shop, slack, shift, gap_s
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._tick_on) for _ in range(2)]
        self.served: list[Served | None] = []
        self.reported: list[Evaluation] = []
        self.errors: list[Exception] = []

    @contextmanager
    def going_on(self) -> Iterator["Ticks"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join(60)
        assert self.errors == []

    def _tick_on(self) -> None:
        while not self._ended.is_set():
            try:
                self.served.append(
                    watch(
                        self._shop.database_url,
                        self._slack,
                        shift=self._shift,
                        report=lambda looked, _: self.reported.append(looked),
                    )
                )
            except Exception as error:  # noqa: BLE001 # shown by the test itself
                self.errors.append(error)
            self._ended.wait(self._gap_s)


def test_every_sale_is_told_soon_while_ticks_come_and_go(
    shop: SmallShop, server: SlackServer
) -> None:
    ticks = Ticks(shop, resource(server), shift=Shift(1.0, 3.0), gap_s=0.8)
    with ticks.going_on():
        wait_for_baseline(shop)
        for number in range(1, 9):
            sku = (BEAR, DUCK)[number % 2]
            shop.move(sku, CLAW, -28)
            server.wait_for(partial(has_told, opened=number, ended=number - 1), timeout_s=_SOON_S)
            shop.move(sku, CLAW, 28)
            server.wait_for(partial(has_told, opened=number, ended=number), timeout_s=_SOON_S)

    assert len(server.messages) == 8
    assert all(message.changes == 1 for message in server.messages.values())
    assert sum(looked.opened for looked in ticks.reported) == 8
    assert len([served for served in ticks.served if served]) >= 4, "the turn went round"


def test_only_one_tick_serves_at_a_time(shop: SmallShop, server: SlackServer) -> None:
    def tick() -> Served | None:
        return watch(
            shop.database_url,
            resource(server),
            shift=Shift(hand_over_after_s=30.0, end_after_s=0.5),
            report=lambda *_: None,
        )

    with connect(shop.database_url, role=ORCHESTRATION_ROLE, autocommit=True) as serving:
        serving.execute(load_queries(watching.__file__).take_alerts_turn.text)
        assert tick() is None
        assert shop.rows("select baseline_at from alerts.evaluation") == [(None,)]
    served = tick()
    assert served is not None
    assert served.evaluations == 1


def test_what_people_do_on_the_page_changes_the_message(
    shop: SmallShop, server: SlackServer
) -> None:
    with Ticks(shop, resource(server), shift=Shift(5.0, 8.0), gap_s=0.5).going_on():
        wait_for_baseline(shop)
        shop.move(BEAR, CLAW, -28)
        server.wait_for(lambda slack: len(slack.messages) == 1, timeout_s=_SOON_S)

        shop.acknowledge(shop.rows("select alert_id from alerts.alerts")[0][0])

        server.wait_for(
            lambda slack: slack.texts()[0].startswith("Acknowledged"), timeout_s=_SOON_S
        )


def test_slack_that_is_down_holds_up_no_alert(shop: SmallShop, server: SlackServer) -> None:
    server.faults += [Fault("chat.postMessage", "cut")] * 3
    with Ticks(shop, resource(server), shift=Shift(5.0, 8.0), gap_s=0.5).going_on():
        wait_for_baseline(shop)
        shop.move(BEAR, CLAW, -28)
        time.sleep(1)
        shop.move(DUCK, CLAW, -28)
        deadline = time.monotonic() + _SOON_S
        while len(shop.alerts()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)

        server.wait_for(lambda slack: len(slack.messages) == 2, timeout_s=20)


def test_what_was_done_is_reported_on_the_asset() -> None:
    looked = Evaluation(
        position=7,
        refresh_id=2,
        product_sites=3,
        opened=1,
        ended=0,
        was_baseline=False,
        live_critical_low=4,
        live_low=5,
        live_from_ledger=6,
    )

    event = materialization(looked, 0.25)

    assert event.asset_key == dg.AssetKey(["alerts", "alerts"])
    assert event.metadata["opened"].value == 1
    assert event.metadata["seconds_since_event"].value == 0.25


def has_told(slack: SlackServer, *, opened: int, ended: int) -> bool:
    return (
        len(slack.messages) == opened
        and sum(message.changes for message in slack.messages.values()) == ended
    )


def wait_for_baseline(shop: SmallShop) -> None:
    deadline = time.monotonic() + 60
    while shop.rows("select baseline_at from alerts.evaluation") == [(None,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
