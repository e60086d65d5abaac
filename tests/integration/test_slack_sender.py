"""One message per alert, changed in place; whatever happens to the sender or to Slack."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from api.deps import Role
from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.alerts.evaluation import evaluate
from orchestration.defs.alerts.lives import wake
from orchestration.defs.alerts.sender import Sender
from orchestration.resources import Slack
from tests.integration.small_shop import BEAR, CLAW, DUCK, SmallShop, small_shop
from tests.serving import let_in
from tests.slack_server import CHANNEL_NAME, TOKEN, Fault, Message, SlackServer, slack_server

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with closing(connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def shop(database_url: str, connection: Connection) -> SmallShop:
    """A shop that was looked at once; nothing is wrong in it."""
    shop = small_shop(database_url)
    evaluate(connection)
    return shop


def resource(server: SlackServer) -> Slack:
    return Slack(token=TOKEN, base_url=server.base_url, channel=CHANNEL_NAME)


def sender(connection: Connection, server: SlackServer) -> Sender:
    slack = resource(server)
    return Sender(connection, slack.get_client(), slack.to_channel)


def send_all(sender: Sender, *, at_most_s: float = 10) -> None:
    """Send until nothing is left; waits as the sender says."""
    deadline = time.monotonic() + at_most_s
    while (pause_s := sender.send_due()) is not None:
        assert time.monotonic() < deadline, "the outbox does not get empty"
        time.sleep(pause_s)


def empty_the_claw(shop: SmallShop, connection: Connection, sku: str = BEAR) -> None:
    shop.move(sku, CLAW, -28)
    evaluate(connection)


def ready_again(shop: SmallShop) -> None:
    """As if the leases had run out."""
    shop.execute("update alerts.outbox set leased_until = null")


def test_an_alert_is_one_message_that_says_what_to_do(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)

    send_all(sender(connection, server))

    [message] = server.messages.values()
    assert message.text == (
        "Plush bear (BEAR-1) is critically low at Riverside: 2 on hand where it sells, "
        "5 needed. Refill 18 from BACK-01 into CLAW-01 (50 there)."
    )
    [(alert_id, channel, ts)] = shop.rows("select alert_id, channel, message_ts from alerts.alerts")
    assert message.metadata["event_payload"] == {"alert_id": str(alert_id)}
    assert (channel, ts) == ("C0STOCK0001", message.ts)
    assert shop.outbox() == [("alert", True, 1)]


def test_what_was_put_off_is_open_again_when_its_time_comes(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)
    telling = sender(connection, server)
    send_all(telling)
    shop.execute(
        "update alerts.alerts set status = 'snoozed', snoozed_until = now() + interval '1 hour'"
    )
    wake(connection)
    assert shop.rows("select status from alerts.alerts") == [("snoozed",)]

    shop.execute("update alerts.alerts set snoozed_until = now()")
    wake(connection)
    wake(connection)
    send_all(telling)

    assert shop.rows("select status, snoozed_until from alerts.alerts") == [("open", None)]
    [message] = server.messages.values()
    assert message.changes == 1


def test_the_message_changes_in_place_when_seen_and_when_it_ends(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)
    telling = sender(connection, server)
    send_all(telling)

    let_in(shop.database_url, "mia", Role.STAFF)
    shop.acknowledge(shop.rows("select alert_id from alerts.alerts")[0][0], by="mia")
    send_all(telling)
    assert server.texts()[0].startswith("Acknowledged by mia ")

    shop.move(BEAR, CLAW, 20)
    evaluate(connection)
    send_all(telling)

    [message] = server.messages.values()
    assert message.text.startswith("Resolved ")
    assert message.changes == 2
    assert all(sent for _, sent, _ in shop.outbox())


def test_the_first_look_is_one_digest(
    database_url: str, connection: Connection, server: SlackServer
) -> None:
    shop = small_shop(database_url)
    shop.move(BEAR, CLAW, -28)
    shop.move(DUCK, CLAW, -30)
    evaluate(connection)

    send_all(sender(connection, server))

    assert server.texts() == [
        "Parstock begins to watch: 2 critically low and 0 low. See the alerts page."
    ]


def test_an_alert_of_the_digest_gets_no_message_of_its_own_when_it_ends(
    database_url: str, connection: Connection, server: SlackServer
) -> None:
    shop = small_shop(database_url)
    shop.move(BEAR, CLAW, -28)
    evaluate(connection)
    send_all(sender(connection, server))

    shop.move(BEAR, CLAW, 20)
    evaluate(connection)
    send_all(sender(connection, server))

    assert len(server.messages) == 1
    assert all(sent for _, sent, _ in shop.outbox())


def test_an_alert_that_ended_before_it_was_told_is_not_told(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)
    shop.move(BEAR, CLAW, 20)
    evaluate(connection)

    send_all(sender(connection, server))

    assert server.calls == []
    assert all(sent for _, sent, _ in shop.outbox())


def _send_and_die(database_url: str, base_url: str) -> None:
    with connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True) as connection:
        slack = Slack(token=TOKEN, base_url=base_url, channel=CHANNEL_NAME)
        dying = Sender(connection, slack.get_client(), slack.to_channel)
        dying._remember_alert = lambda *_: os._exit(9)  # type: ignore[method-assign] # SIGKILL here
        dying.send_due()


def test_a_sender_killed_between_sending_and_noting_it_sends_once(
    shop: SmallShop, connection: Connection, server: SlackServer, database_url: str
) -> None:
    # A first message makes the channel's id known, which looking needs.
    empty_the_claw(shop, connection, DUCK)
    send_all(sender(connection, server))
    empty_the_claw(shop, connection, BEAR)
    time.sleep(1)

    process = multiprocessing.get_context("spawn").Process(
        target=_send_and_die, args=(database_url, server.base_url)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert len(server.messages) == 2
    assert shop.outbox()[-1] == ("alert", False, 1)

    assert sender(connection, server).send_due() is not None, "the lease still runs"
    ready_again(shop)
    send_all(sender(connection, server))

    assert len(server.messages) == 2
    assert len(server.calls_of("conversations.history")) == 1
    newest = list(server.messages.values())[-1]
    assert newest.ts in [ts for (ts,) in shop.rows("select message_ts from alerts.alerts")]


def test_a_connection_cut_after_the_message_was_posted_does_not_post_it_again(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection, DUCK)
    send_all(sender(connection, server))
    empty_the_claw(shop, connection, BEAR)
    server.faults.append(Fault("chat.postMessage", "cut_after"))

    send_all(sender(connection, server))

    assert len(server.messages) == 2
    assert shop.rows("select count(*) from alerts.alerts where message_ts is null") == [(0,)]


@pytest.mark.parametrize("kind", ["server_error", "cut"])
def test_a_failed_call_is_tried_again(
    shop: SmallShop, connection: Connection, server: SlackServer, kind: Any
) -> None:
    empty_the_claw(shop, connection)
    server.faults.append(Fault("chat.postMessage", kind))

    telling = sender(connection, server)
    telling.send_due()
    assert shop.rows("select last_error is not null, sent_at from alerts.outbox") == [(True, None)]
    send_all(telling)

    assert len(server.messages) == 1


def test_retry_after_is_obeyed_by_every_sender(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection, BEAR)
    empty_the_claw(shop, connection, DUCK)
    server.faults.append(Fault("chat.postMessage", "rate_limited", retry_after_s=3))
    begun = time.time()

    sender(connection, server).send_due()
    another = sender(connection, server)
    pause_s = another.send_due()
    assert pause_s is not None
    assert pause_s > 2.9 - (time.time() - begun)
    send_all(another)

    assert [call.at - begun >= 2.9 for call in server.calls_of("chat.postMessage")] == [True] * 2


def test_messages_go_out_at_one_a_second_and_critical_ones_first(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    shop.plan(DUCK, reorder_point=100, order_up_to_level=150)
    evaluate(connection)
    empty_the_claw(shop, connection, BEAR)

    send_all(sender(connection, server))

    first, second = server.messages.values()
    assert "is critically low" in first.text
    assert "is low" in second.text
    assert second.posted_at - first.posted_at >= 0.99


def test_a_message_that_a_person_removed_is_let_go(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)
    telling = sender(connection, server)
    send_all(telling)
    server.messages.clear()

    shop.resolve(shop.rows("select alert_id from alerts.alerts")[0][0])
    send_all(telling)

    assert server.messages == {}
    assert all(sent for _, sent, _ in shop.outbox())


def test_without_a_token_the_page_alone_shows_it(shop: SmallShop, connection: Connection) -> None:
    empty_the_claw(shop, connection)

    Sender(connection, None, "").send_due()

    assert shop.rows("select sent_at is not null, channel from alerts.outbox") == [(True, None)]


def test_a_name_with_signs_of_markup_stays_text(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    shop.execute("update catalog.products set name = '<!channel> & co' where sku = %s", (BEAR,))
    empty_the_claw(shop, connection)

    send_all(sender(connection, server))

    [message] = server.messages.values()
    assert message.blocks[1]["text"]["text"].startswith("&lt;!channel&gt; &amp; co (")


def test_a_change_while_the_message_is_on_its_way_is_told_too(
    shop: SmallShop, connection: Connection, server: SlackServer
) -> None:
    empty_the_claw(shop, connection)

    def acknowledge(_: Message) -> None:
        shop.acknowledge(shop.rows("select alert_id from alerts.alerts")[0][0])

    server.on_message = acknowledge
    send_all(sender(connection, server))

    [message] = server.messages.values()
    assert message.text.startswith("Acknowledged ")
