"""A catalog to measure with, a server to ask, and wrk to ask it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from api.catalog import service as catalog
from api.catalog.schemas import Location, Product, Site
from api.database import make_pool
from api.identity.service import create_device_key
from bench.program import ROOT, free_port, wait_for

PRODUCTS, PLACES, CONNECTIONS, BATCH = 2000, 50, 32, 1000
UVICORN = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]


@dataclass(frozen=True)
class Load:
    """What wrk saw: events a second, failed requests, latencies in ms."""

    events_per_second: float
    failed: int
    p50_ms: float
    p99_ms: float


async def fill_catalog(database_url: str) -> str:
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
def server(
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


def wrk(
    port: int,
    key: str,
    *,
    seconds: int,
    batch: int = 0,
    connections: int = CONNECTIONS,
    script: str = "events.lua",
    **said: object,
) -> Load:
    """Run wrk with a script of this folder."""
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


def row(name: str, load: Load, beside: float) -> None:
    """Print a load, and its rate as a share of another."""
    print(
        f"{name:<46} {load.events_per_second:>9,.0f} events/s"
        f"   {load.events_per_second / beside:5.2f}   p50 {load.p50_ms:7.1f} ms"
        f"   p99 {load.p99_ms:7.1f} ms   failed {load.failed}"
    )


@contextmanager
def api(database_url: str, **settings: object) -> Iterator[tuple[int, psutil.Process]]:
    """One process of the API; its port, and the process for its memory."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), *UVICORN]
    command += ["--factory", "api.app:create_app"]
    environment = {"DATABASE_URL": database_url, **{k: str(v) for k, v in settings.items()}}
    with server(command, port, environment) as process:
        yield port, psutil.Process(process.pid)
