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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
import psutil

from api.catalog import service as catalog
from api.catalog.schemas import Location, Product, Site
from api.database import make_pool
from api.identity.service import create_device_key, system_actor
from api.ledger import writer
from api.ledger.events import Received
from api.ledger.group import Group
from api.ledger.keys import Keys
from api.ledger.known import Entry
from api.ledger.lookup import Lookup
from api.settings import LedgerSettings
from bench.program import ROOT, free_port, wait_for
from db.connect import connect
from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate
from db.sql import Query, load_queries

PRODUCTS, PLACES, CONNECTIONS, BATCH = 1200, 50, 32, 1000
_UVICORN = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]


@dataclass(frozen=True)
class Load:
    """What wrk saw: events a second, failed requests, latencies in ms."""

    events_per_second: float
    failed: int
    p50_ms: float
    p99_ms: float


async def _fill_catalog(database_url: str) -> str:
    """Make the catalog of the benchmark; answers a device key."""
    pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=60)
    async with pool, pool.acquire() as connection:
        await catalog.upsert_sites(connection, [Site(code="BENCH", name="Benchmark")])
        places = [
            Location(code=f"BENCH-P{n}", site="BENCH", kind="shelf") for n in range(1, PLACES + 1)
        ]
        await catalog.upsert_locations(connection, places)
        products = [Product(sku=f"BENCH-{n}", name=f"Product {n}") for n in range(1, PRODUCTS + 1)]
        await catalog.upsert_products(connection, products)
        return await create_device_key(connection, "bench")


@contextmanager
def _server(
    command: list[str], port: int, environment: dict[str, str]
) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})

    def answers() -> bool | None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2) is not None
        except httpx.HTTPError:
            return None

    try:
        wait_for(" ".join(command[:4]), answers, timeout_s=60)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wrk(
    port: int,
    key: str,
    *,
    seconds: int,
    batch: int = 0,
    connections: int = CONNECTIONS,
    script: str = "events.lua",
    **said: object,
) -> Load:
    environment = {
        **os.environ,
        "BENCH_KEY": key,
        "BENCH_BATCH": str(batch),
        "BENCH_PRODUCTS": str(PRODUCTS),
        "BENCH_PLACES": str(PLACES),
        **{f"BENCH_{name.upper()}": str(value) for name, value in said.items()},
    }
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
         "-s", str(ROOT / "bench" / script), f"http://127.0.0.1:{port}"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"wrk printed no result:\n{done.stdout}{done.stderr}")
    requests, microseconds, failed = int(found[1]), int(found[2]), int(found[3])
    rate = requests * max(batch, 1) / (microseconds / 1e6)
    return Load(rate, failed, float(found[4]), float(found[5]))


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


def _row(name: str, load: Load, beside: float) -> None:
    print(
        f"{name:<46} {load.events_per_second:>9,.0f} events/s"
        f"   {load.events_per_second / beside:5.2f}   p50 {load.p50_ms:7.1f} ms"
        f"   p99 {load.p99_ms:7.1f} ms   failed {load.failed}"
    )


@contextmanager
def _api(cluster: EmbeddedPostgres) -> Iterator[tuple[int, psutil.Process]]:
    """One process of the API; its port, and the process for its memory."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), *_UVICORN]
    command += ["--factory", "api.app:create_app"]
    with _server(command, port, {"DATABASE_URL": cluster.url()}) as process:
        yield port, psutil.Process(process.pid)


def _measure(cluster: EmbeddedPostgres, seconds: int) -> None:
    key = asyncio.run(_fill_catalog(cluster.url()))
    environment = {"DATABASE_URL": cluster.url()}
    port = free_port()
    with _server([sys.executable, "-m", "bench.servers", "empty", str(port)], port, environment):
        empty = _wrk(port, key, seconds=seconds)
    port = free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(port), *_UVICORN, "--factory"]
    with _server([*uvicorn, "bench.servers:noop"], port, environment):
        noop = _wrk(port, key, seconds=seconds)
    base = noop.events_per_second
    _row("wrk on an empty responder (its ceiling)", empty, base)
    _row("FastAPI that does nothing, 32 connections", noop, base)
    with _api(cluster) as (port, process):
        _wrk(port, key, seconds=2)
        _row("POST /v1/inventory-events, 32 connections", _wrk(port, key, seconds=seconds), base)
        _measure_writers(port, key, seconds, base)
        _measure_reads(port, key, seconds, base)
        print(f"{'memory of that process':<46} {process.memory_info().rss / 1e6:>9,.0f} MB")
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
    bulk = _wrk(port, key, seconds=seconds, batch=BATCH, connections=4)
    _row(f"batch endpoint, {BATCH:,} events a request", bulk, base)
    spread = _wrk(port, key, seconds=seconds, connections=16)
    hot = _wrk(port, key, seconds=seconds, connections=16, products=1, places=1)
    _row("16 writers, spread out", spread, base)
    _row("16 writers on one level", hot, base)
    print(
        f"{'  of the spread-out rate':<46} {hot.events_per_second / spread.events_per_second:>9.2f}"
    )
    with ThreadPoolExecutor(1) as beside:
        flood = beside.submit(_wrk, port, key, seconds=seconds + 1, batch=BATCH, connections=1)
        _row(
            "4 writers beside a bulk client", _wrk(port, key, seconds=seconds, connections=4), base
        )
        _row("  and that client", flood.result(), base)


def _measure_reads(port: int, key: str, seconds: int, base: float) -> None:
    one = _wrk(port, key, seconds=seconds, script="reads.lua")
    _row("GET /v1/stock-levels of one product", one, base)
    page = _wrk(port, key, seconds=seconds, connections=4, script="reads.lua", search=1)
    _row(f"50 of {PRODUCTS * PLACES:,} levels with search, 4 readers", page, base)


def _measure_two_processes(cluster: EmbeddedPostgres, key: str, seconds: int) -> None:
    """64 connections on one process, and 32 on each of two, in turn."""
    ratios = []
    with _api(cluster) as (one, _), _api(cluster) as (other, _), ThreadPoolExecutor(2) as both:
        for _ in range(5):
            alone = _wrk(one, key, seconds=seconds, connections=64).events_per_second
            halves = [both.submit(_wrk, port, key, seconds=seconds) for port in (one, other)]
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
