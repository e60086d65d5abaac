"""GET /metrics: Prometheus text, told to this machine only.

A request costs one look-up and two additions; prometheus-client is asked to write when somebody
scrapes. What the database knows (how far plan and alerts are behind) is read then, within a bound.
"""

import asyncio
import ipaddress
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.responses import Response

from api.problems import NotFound
from db.sql import load_queries

router = APIRouter(include_in_schema=False)
_queries = load_queries(__file__)
_DATABASE_WITHIN_S = 3.0
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_process = ProcessCollector(registry=None)


class Distribution:
    """How often values fell below each bound; the last place is for those beyond all."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        bounds = [*map(str, self._bounds), "+Inf"]
        family.add_metric(
            labels, list(zip(bounds, accumulate(self._counts), strict=True)), self._total
        )


class _Route:
    """The requests to one method and route template."""

    __slots__ = ("seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds = Distribution(_SECONDS)


class Metrics:
    """Requests of this process by route template, and refusals by the problem that they name."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], _Route] = {}
        self.problems: Counter[str] = Counter()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a template, so that an address cannot make a new series."""
        seen = self._routes.get((method, route))
        if seen is None:
            if method not in _METHODS:
                method = "OTHER"
            seen = self._routes.setdefault((method, route), _Route())
        seen.statuses[status] += 1
        seen.seconds.observe(seconds)

    def families(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "parstock_http_requests", "Requests answered", labels=["method", "route", "status"]
        )
        seconds = HistogramMetricFamily(
            "parstock_http_request_seconds",
            "From the request's head to the end of its answer",
            labels=["method", "route"],
        )
        for (method, route), seen in sorted(self._routes.items()):
            for status, count in sorted(seen.statuses.items()):
                requests.add_metric([method, route, str(status)], count)
            seen.seconds.add_to(seconds, [method, route])
        yield from (requests, seconds)
        problems = CounterMetricFamily(
            "parstock_problems", "Refusals by the problem that they name", labels=["problem"]
        )
        for slug, count in sorted(self.problems.items()):
            problems.add_metric([slug], count)
        yield problems


@router.get("/metrics")
async def get_metrics(request: Request) -> Response:
    if not _is_this_machine(request):
        raise NotFound("There is nothing here.")
    state = request.app.state
    families = [
        *state.metrics.families(),
        *_of_writer(state.ledger.writer),
        *_of_pool(state.pool),
        *_of_database(await _read_database(state.pool)),
        *_process.collect(),
    ]
    return Response(generate_latest(_Collected(families)), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_writer(writer: Any) -> Iterator[Metric]:
    yield _counter("parstock_ledger_events_recorded", "Events recorded", writer.events_recorded)
    yield _counter("parstock_ledger_groups_written", "Transactions", writer.groups_written)
    yield _counter("parstock_ledger_writer_restarts", "Times it failed", writer.restarts)
    sizes = HistogramMetricFamily("parstock_ledger_group_events", "Events recorded together")
    writer.group_sizes.add_to(sizes, [])
    yield sizes
    yield _gauge("parstock_ledger_events_waiting", "Events in the queue", writer.waiting)
    yield _gauge(
        "parstock_ledger_oldest_waiting_seconds", "Since the oldest of them", writer.waiting_s
    )
    yield _gauge("parstock_ledger_writer_turns", "1 while its task comes round", writer.turns)
    yield _gauge("parstock_disk_full", "1 while nothing is recorded", writer.storage.is_full)


def _of_pool(pool: Any) -> Iterator[Metric]:
    connections = GaugeMetricFamily(
        "parstock_database_connections", "Connections of the pool", labels=["state"]
    )
    connections.add_metric(["open"], pool.get_size())
    connections.add_metric(["idle"], pool.get_idle_size())
    connections.add_metric(["limit"], pool.get_max_size())
    yield connections


async def _read_database(pool: Any) -> Mapping[str, Any] | None:
    try:
        async with asyncio.timeout(_DATABASE_WITHIN_S), pool.acquire() as connection:
            row: Mapping[str, Any] = await connection.fetchrow(_queries.read_lags.positional)
            return row
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None


def _of_database(row: Mapping[str, Any] | None) -> Iterator[Metric]:
    yield _gauge("parstock_database_up", "1 when it answered this scrape", row is not None)
    if row is None:
        return
    yield _gauge("parstock_ledger_position", "Position of the newest event", row["head"])
    behind = GaugeMetricFamily(
        "parstock_positions_behind", "Events that this reader has yet to see", labels=["reader"]
    )
    behind.add_metric(["plan"], row["head"] - row["planned"])
    behind.add_metric(["alerts"], row["head"] - row["evaluated"])
    yield behind
    yield _gauge("parstock_messages_waiting", "Messages not yet sent", row["unsent"])
    yield _gauge(
        "parstock_rejected_events_open", "Rejected events that wait for someone", row["rejected"]
    )


def _counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(name, documentation, value=value)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=float(value))


def _is_this_machine(request: Request) -> bool:
    # A proxy on this machine speaks for others.
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
