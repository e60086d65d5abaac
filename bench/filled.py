"""The same rates on a ledger with ten million events as on an empty one, in pairs.

python -m bench.filled [--events 10000000] [--seconds 8]
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import psycopg

from bench.load import BATCH, PLACES, PRODUCTS, api, fill_catalog, wrk
from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate
from db.sql import load_queries

_queries = load_queries(__file__)
_PAIRS = 3
_AT_A_TIME = 1_000_000
_LOADS = {
    "POST, one event, 32 connections": {},
    f"batch, {BATCH:,} events a request": {"batch": BATCH, "connections": 4},
    "GET /v1/stock-levels of one product": {"script": "reads.lua"},
    "50 levels with search, 4 readers": {"script": "reads.lua", "connections": 4, "search": 1},
}


def _fill(database_url: str, events: int) -> None:
    """Receipts of a year, as the writer would have kept them."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        # The triggers ask for the ledger's lock, row by row.
        connection.execute("set session_replication_role = replica")
        for start in range(0, events, _AT_A_TIME):
            values = {
                "first": start + 1,
                "last": min(start + _AT_A_TIME, events),
                "events": events,
                "levels": PRODUCTS * PLACES,
                "places": PLACES,
            }
            connection.execute(_queries.fill_events.text, values)
            connection.execute(_queries.fill_movements.text, values)
            print(f"  {values['last']:,} events", flush=True)
        connection.execute(_queries.fill_levels.text)
        connection.execute("vacuum analyze")


def _measure(cluster: EmbeddedPostgres, events: int, seconds: int) -> None:
    urls = []
    for name in ("empty", "filled"):
        cluster.create_database(name)
        urls.append(cluster.url(name))
        migrate(urls[-1])
    keys = [asyncio.run(fill_catalog(url)) for url in urls]
    _fill(urls[1], events)
    with api(urls[0]) as (empty, _), api(urls[1]) as (filled, _):
        for port, key in zip((empty, filled), keys, strict=True):
            wrk(port, key, seconds=2)  # so that there are levels to read
        for name, said in _LOADS.items():
            ratios, rates = [], []
            for _ in range(_PAIRS):
                rates = [
                    wrk(port, key, seconds=seconds, **said).events_per_second  # type: ignore[arg-type]  # one of several shapes
                    for port, key in zip((empty, filled), keys, strict=True)
                ]
                ratios.append(rates[1] / rates[0])
            said_ratios = " ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{name:<46} {median(ratios):>5.2f}   ({said_ratios}; last {rates[1]:,.0f}/s)")


def main() -> None:
    """Fill one database, and measure it beside an empty one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="parstock-bench-"))
    home.chmod(0o755)
    cluster = embedded_postgres(home)
    cluster.start(settings={"max_connections": "100"})
    try:
        began = time.monotonic()
        _measure(cluster, chosen.events, chosen.seconds)
        print(f"measured in {time.monotonic() - began:.0f} s")
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
