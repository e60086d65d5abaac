"""Alerts follow levels and policies, once, whoever looks and however often."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.alerts.evaluation import Evaluation, evaluate
from tests.integration.small_shop import BACK, BEAR, CLAW, DUCK, SmallShop, small_shop

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def shop(database_url: str) -> SmallShop:
    return small_shop(database_url)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with closing(connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def watched(shop: SmallShop, connection: Connection) -> SmallShop:
    """The shop after the first look, which found nothing."""
    baseline = evaluate(connection)
    assert baseline is not None
    assert baseline.was_baseline
    assert shop.alerts() == []
    return shop


def look(connection: Connection) -> Evaluation:
    looked = evaluate(connection)
    assert looked is not None
    return looked


def test_nothing_is_looked_at_before_the_first_plan(
    database_url: str, connection: Connection
) -> None:
    shop = SmallShop(database_url)
    shop.open()
    shop.move(BEAR, CLAW, 1)

    assert evaluate(connection) is None
    assert shop.rows("select baseline_at from alerts.evaluation") == [(None,)]


def test_the_first_look_is_a_baseline_told_in_one_digest(
    shop: SmallShop, connection: Connection
) -> None:
    shop.move(BEAR, CLAW, -29)
    shop.move(DUCK, BACK, -50)

    looked = look(connection)

    assert looked.was_baseline
    assert looked.opened == 2
    assert [row[:4] for row in shop.alerts()] == [
        ("critical_low", BEAR, "open", True),
        ("low", DUCK, "open", True),
    ]
    assert shop.outbox() == [("digest", False, 0)]


def test_a_sale_that_empties_the_selling_place_opens_one_critical_alert(
    watched: SmallShop, connection: Connection
) -> None:
    position = watched.move(BEAR, CLAW, -28)

    looked = look(connection)

    assert (looked.opened, looked.live_critical_low, looked.position) == (1, 1, position)
    [(kind, sku, status, is_baseline, message, recommendation)] = watched.alerts()
    assert (kind, sku, status, is_baseline) == ("critical_low", BEAR, "open", False)
    assert message == (
        "Plush bear (BEAR-1) is critically low at Riverside: 2 on hand where it sells, 5 needed."
    )
    assert recommendation == "Refill 18 from BACK-01 into CLAW-01 (50 there)."
    assert watched.outbox() == [("alert", False, 0)]
    assert watched.rows("select position from alerts.alerts") == [(position,)]


def test_with_nothing_behind_it_says_what_to_order(
    watched: SmallShop, connection: Connection
) -> None:
    watched.execute(
        "insert into planning.suggestions (kind, product_id, site_id, quantity, priority,"
        " inventory_position, reorder_point, order_up_to_level, reason, arithmetic, refresh_id)"
        " select 'purchase', product_id, site_id, 48, 'critical', 15, 40, 60, '', '{}', 1"
        " from catalog.products, catalog.sites where sku = %s",
        (BEAR,),
    )
    watched.move(BEAR, BACK, -50)
    watched.move(BEAR, CLAW, -15)

    look(connection)

    [(kind, *_, recommendation)] = watched.alerts()
    assert kind == "critical_low"
    assert recommendation == "Order 48 from Toys Ltd, as the restock plan suggests."


def test_an_alert_ends_when_the_place_is_refilled_and_says_so(
    watched: SmallShop, connection: Connection
) -> None:
    watched.move(BEAR, CLAW, -28)
    look(connection)

    watched.move(BEAR, CLAW, 3)
    assert look(connection).ended == 0
    watched.move(BEAR, CLAW, 1)
    assert look(connection).ended == 1

    assert watched.alerts()[0][2] == "resolved"
    assert watched.outbox() == [("alert", False, 0), ("alert", False, 0)]


def test_looking_again_changes_nothing(watched: SmallShop, connection: Connection) -> None:
    watched.move(BEAR, CLAW, -28)
    look(connection)

    assert evaluate(connection) is None
    watched.move(BEAR, CLAW, -1)
    assert look(connection).opened == 0
    assert len(watched.outbox()) == 1


def test_a_new_policy_is_looked_at_without_a_movement(
    watched: SmallShop, connection: Connection
) -> None:
    watched.plan(DUCK, reorder_point=100, order_up_to_level=150)

    assert look(connection).opened == 1
    assert watched.alerts()[0][:2] == ("low", DUCK)


def test_an_alert_whose_policy_is_gone_ends(watched: SmallShop, connection: Connection) -> None:
    watched.move(BEAR, CLAW, -28)
    look(connection)
    watched.execute(
        "delete from planning.policies using catalog.products"
        " where policies.product_id = products.product_id and sku = %s",
        (BEAR,),
    )

    watched.plan(DUCK)

    assert look(connection).ended == 1


def test_a_person_who_resolves_an_empty_place_hears_of_it_at_the_next_sale(
    watched: SmallShop, connection: Connection
) -> None:
    watched.move(BEAR, CLAW, -28)
    look(connection)
    watched.resolve(watched.rows("select alert_id from alerts.alerts")[0][0])

    assert evaluate(connection) is None
    watched.move(BEAR, CLAW, -1)

    assert look(connection).opened == 1
    assert sorted(row[2] for row in watched.alerts()) == ["open", "resolved"]


def test_many_looks_at_once_open_one_alert(watched: SmallShop, database_url: str) -> None:
    watched.move(BEAR, CLAW, -28)

    def look_alone(_: int) -> int:
        with closing(connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True)) as own:
            looked = evaluate(own)
            return 0 if looked is None else looked.opened

    with ThreadPoolExecutor(8) as pool:
        opened = sum(pool.map(look_alone, range(8)))

    assert opened == 1
    assert len(watched.alerts()) == 1
    assert len(watched.outbox()) == 1
