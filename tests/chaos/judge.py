"""What must hold after every disaster, asked of the database itself and of what the tills know."""

from collections.abc import Iterable
from uuid import UUID

import psycopg

from tests.chaos.tills import ACCOUNT, Till
from tests.integration.ledger_shop import BROKEN_BALANCES

# "What must never break" in DESIGN.md, sentences 2 to 4, as queries whose every row is a breach.
_BREACHES = {
    "a level is not the sum of its movements, or not what the last one left": BROKEN_BALANCES,
    "an event has no movement": """
        select position, event_id from ledger.inventory_events
        where not exists (
            select from ledger.movements where movements.position = inventory_events.position
        )
    """,
    "a movement has no event": """
        select position from ledger.movements
        where not exists (
            select from ledger.inventory_events
            where inventory_events.position = movements.position
        )
    """,
    "a transfer within a site made or lost stock": """
        select position from ledger.movements
        inner join ledger.inventory_events using (position)
        where event_type = 'transferred'
        group by position
        having sum(on_hand_change) <> 0
    """,
    "positions have a gap": """
        select count(*), max(position) from ledger.inventory_events
        having count(*) <> coalesce(max(position), 0)
    """,
}
_ACCOUNT = """
    select coalesce(sum(on_hand), 0)::bigint from ledger.stock_levels
    inner join catalog.products using (product_id)
    inner join catalog.locations using (location_id)
    where products.sku = %s and locations.code = %s
"""


def breaches(database_url: str, tills: Iterable[Till]) -> list[str]:
    """Everything that is wrong, in sentences; empty when all holds."""
    tills = list(tills)
    wrong = [complaint for till in tills for complaint in till.complaints]
    wrong += [f"a till is still waiting: {till.name}" for till in tills if till.is_alive()]
    sent = {event_id for till in tills for event_id in till.sent}
    answered = {event_id for till in tills for event_id in till.answers}
    with psycopg.connect(database_url) as connection:
        kept: list[UUID] = [
            event_id
            for (event_id,) in connection.execute(
                "select event_id from ledger.inventory_events where caused_by is null"
            )
        ]
        for sentence, query in _BREACHES.items():
            rows = connection.execute(query.encode()).fetchmany(5)
            if rows:
                wrong.append(f"{sentence}: {rows}")
        [account] = connection.execute(_ACCOUNT, tuple(ACCOUNT.values())).fetchone() or (0,)
    if missing := answered - set(kept):
        wrong.append(f"answered and not kept: {sorted(missing)[:5]}, {len(missing)} in all")
    if len(kept) != len(set(kept)):
        wrong.append("an event is kept twice")
    if strangers := set(kept) - sent:
        wrong.append(f"kept and never sent: {sorted(strangers)[:5]}, {len(strangers)} in all")
    # Each till has had an answer to all that it sent, so the account is known to the unit.
    if (told := sum(till.account for till in tills)) != account:
        wrong.append(f"the account holds {account}, the tills brought {told}")
    return wrong
