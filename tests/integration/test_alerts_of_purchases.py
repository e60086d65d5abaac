"""What is on order answers the alert that stock is low, until it is overdue."""

from contextlib import closing

import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.alerts.evaluation import evaluate
from tests.integration.ordering_shop import managing, order_and_send, ordering_shop
from tests.integration.planned_shop import BEAR, PlannedShop


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    """With 25 of each on the shelf, which is above what must stand there."""
    shop = ordering_shop(database_url)
    shop.move(BEAR, "CLAW-01", 5)
    return shop


def alerts_of_bears(shop: PlannedShop) -> list[str]:
    """The kinds that are live, after one more sale and a look."""
    shop.move(BEAR, "CLAW-01", -1)
    with closing(
        connect(shop.database_url, role=ORCHESTRATION_ROLE, autocommit=True)
    ) as connection:
        evaluate(connection)
    return [row[0] for row in shop.alerts() if row[1] == BEAR and row[2] == "open"]


def test_a_purchase_on_its_way_ends_low_and_an_overdue_one_does_not(shop: PlannedShop) -> None:
    assert alerts_of_bears(shop) == ["low"]
    with managing(shop) as api:
        order_and_send(api, shop.suggest(BEAR))
    assert alerts_of_bears(shop) == []
    shop.execute("update purchasing.orders set overdue_on = '2026-01-13'")
    assert alerts_of_bears(shop) == ["low"]
