"""The write path beside what it is held to, in one run on one machine.

python -m bench.ledger [--seconds 8]
"""

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from api.database import make_pool
from api.identity.service import system_actor
from api.ledger import writer
from api.ledger.events import Received
from api.ledger.group import Group
from api.ledger.keys import Keys
from api.ledger.known import Entry
from api.ledger.lookup import Lookup
from api.settings import LedgerSettings
from bench.load import BATCH, PLACES, PRODUCTS, UVICORN, api, fill_catalog, row, server, wrk
from bench.program import ROOT, free_port
from bench.refusals import measure_refusals
from db.connect import connect
from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate
from db.sql import Query, load_queries


def _pgbench(cluster: EmbeddedPostgres, *, clients: int, seconds: int) -> float:
    """Events a second of one transaction an event, without the ledger's lock and triggers."""
    with connect(cluster.url(), autocommit=True) as connection:
        connection.execute("drop schema if exists bench cascade")
        connection.execute("create schema bench")
        connection.execute("create sequence bench.position")
        for table in ("inventory_events", "movements", "stock_levels"):
            connection.execute(f"create table bench.{table} (like ledger.{table} including all)")
    done = subprocess.run(
        [str(cluster.binaries / "pgbench"), "-n", "-M", "prepared", f"-c{clients}", "-j2",
         f"-T{seconds}", "-f", str(ROOT / "bench/event.pgbench"), cluster.url()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"pgbench printed no rate:\n{done.stdout}{done.stderr}")
    return float(found[1])


def _balances_hold(database_url: str) -> bool:
    with connect(database_url) as connection:
        row = connection.execute(
            "select count(*) from ("
            " select product_id, location_id, lot_id, sum(on_hand_change) as balance"
            " from ledger.movements group by product_id, location_id, lot_id"
            ") as moved full join ledger.stock_levels using (product_id, location_id, lot_id)"
            " where coalesce(moved.balance, 0) is distinct from stock_levels.on_hand"
        ).fetchone()
    return row is not None and row[0] == 0


def _measure(cluster: EmbeddedPostgres, seconds: int) -> None:
    key = asyncio.run(fill_catalog(cluster.url()))
    environment = {"DATABASE_URL": cluster.url()}
    port = free_port()
    with server([sys.executable, "-m", "bench.servers", "empty", str(port)], port, environment):
        empty = wrk(port, key, seconds=seconds)
    port = free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(port), *UVICORN, "--factory"]
    with server([*uvicorn, "bench.servers:noop"], port, environment):
        noop = wrk(port, key, seconds=seconds)
    base = noop.events_per_second
    row("wrk on an empty responder (its ceiling)", empty, base)
    row("FastAPI that does nothing, 32 connections", noop, base)
    with api(cluster.url()) as (port, process):
        wrk(port, key, seconds=2)
        row("POST /v1/inventory-events, 32 connections", wrk(port, key, seconds=seconds), base)
        _measure_writers(port, key, seconds, base)
        _measure_reads(port, key, seconds, base)
        print(f"{'memory of that process':<46} {process.memory_info().rss / 1e6:>9,.0f} MB")
    asyncio.run(measure_refusals(cluster.url(), key, seconds))
    straight = asyncio.run(_straight(cluster.url()))
    print(f"{'its statements straight, 1,000 a group':<46} {straight:>9,.0f} events/s")
    _measure_two_processes(cluster, key, seconds)
    for clients in (1, 8, 32):
        rate = _pgbench(cluster, clients=clients, seconds=seconds)
        name = f"pgbench, the same write, {clients} clients"
        print(f"{name:<46} {rate:>9,.0f} events/s   {rate / base:5.2f}")
    if empty.events_per_second < 2 * base:
        print("INVALID: the load generator does not reach twice the no-op on an empty responder")
    size = _bytes_an_event(cluster)
    print(f"{'the ledger takes, with all indexes':<46} {size:>9,.0f} bytes/event")
    print("balance = sum of movements:", "yes" if _balances_hold(cluster.url()) else "NO")


def _measure_writers(port: int, key: str, seconds: int, base: float) -> None:
    bulk = wrk(port, key, seconds=seconds, batch=BATCH, connections=4)
    row(f"batch endpoint, {BATCH:,} events a request", bulk, base)
    spread = wrk(port, key, seconds=seconds, connections=16)
    hot = wrk(port, key, seconds=seconds, connections=16, products=1, places=1)
    row("16 writers, spread out", spread, base)
    row("16 writers on one level", hot, base)
    print(
        f"{'  of the spread-out rate':<46} {hot.events_per_second / spread.events_per_second:>9.2f}"
    )
    with ThreadPoolExecutor(1) as beside:
        flood = beside.submit(wrk, port, key, seconds=seconds + 1, batch=BATCH, connections=1)
        row("4 writers beside a bulk client", wrk(port, key, seconds=seconds, connections=4), base)
        row("  and that client", flood.result(), base)


def _measure_reads(port: int, key: str, seconds: int, base: float) -> None:
    one = wrk(port, key, seconds=seconds, script="reads.lua")
    row("GET /v1/stock-levels of one product", one, base)
    page = wrk(port, key, seconds=seconds, connections=4, script="reads.lua", search=1)
    row(f"50 of {PRODUCTS * PLACES:,} levels with search, 4 readers", page, base)


def _measure_two_processes(cluster: EmbeddedPostgres, key: str, seconds: int) -> None:
    """64 connections on one process, and 32 on each of two, in turn."""
    ratios = []
    url = cluster.url()
    with api(url) as (one, _), api(url) as (other, _), ThreadPoolExecutor(2) as both:
        for _ in range(5):
            alone = wrk(one, key, seconds=seconds, connections=64).events_per_second
            halves = [both.submit(wrk, port, key, seconds=seconds) for port in (one, other)]
            ratios.append(sum(half.result().events_per_second for half in halves) / alone)
    said = " ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{'two processes as a share of one':<46} {median(ratios):>9.2f}   ({said})")


async def _straight(database_url: str, groups: int = 30) -> float:
    """Events a second of the writer's own statements, sent from one connection."""
    pool = make_pool(database_url, size=2, connect_timeout_s=10, statement_timeout_s=60)
    async with pool, pool.acquire() as connection:
        actor_id = await system_actor(connection, "bench")
        keys = Keys(pool, LedgerSettings())
        await connection.execute(
            "set plan_cache_mode = force_generic_plan; set enable_seqscan = off"
        )
        await connection.execute("select pg_advisory_lock(ledger.lock_key())")
        prepared: dict[str, Any] = {}
        took_s = 0.0

        async def fetch(query: Query, values: dict[str, Any]) -> Any:
            nonlocal took_s
            if query.name not in prepared:
                prepared[query.name] = await connection.prepare(query.positional)
            began = time.perf_counter()
            rows = await prepared[query.name].fetch(*query.arguments(values))
            took_s += time.perf_counter() - began
            return rows

        for _ in range(groups):
            now = datetime.now(UTC)
            events = [_receipt(number, now) for number in range(BATCH)]
            looked_up = await keys.entries(events, recorded_by=actor_id, received_at=now)
            entries = [entry for entry in looked_up if isinstance(entry, Entry)]
            lookup = Lookup(fetch, entries)
            await lookup.read()
            group = Group(lookup.known(), keep_originals=False)
            group.decide(entries)
            await fetch(load_queries(writer.__file__).write_group, group.book.columns())
        await connection.execute("select pg_advisory_unlock(ledger.lock_key())")
    return groups * BATCH / took_s


def _receipt(number: int, now: datetime) -> Received:
    sku, place = f"BENCH-{number % PRODUCTS + 1}", f"BENCH-P{number % PLACES + 1}"
    return Received(event_id=uuid4(), occurred_at=now, sku=sku, location=place, quantity=1)


def _bytes_an_event(cluster: EmbeddedPostgres) -> float:
    with connect(cluster.url()) as connection:
        row = connection.execute(
            "select (pg_total_relation_size('ledger.inventory_events')"
            " + pg_total_relation_size('ledger.movements'))::float / max(position)"
            " from ledger.inventory_events"
        ).fetchone()
    return float(str(row[0])) if row is not None else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="The ledger's write path beside its peers.")
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk (apt-get install wrk); nothing was measured.")
    home = Path(tempfile.mkdtemp(prefix="parstock-bench-"))
    home.chmod(0o755)
    cluster = embedded_postgres(home)
    cluster.start(settings={"max_connections": "100"})
    try:
        cluster.create_database()
        migrate(cluster.url())
        began = time.monotonic()
        _measure(cluster, chosen.seconds)
        print(f"measured in {time.monotonic() - began:.0f} s on {os.cpu_count()} cores")
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
