"""How soon those are sent away who find the queue full."""

import asyncio
import time
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from bench.load import api

_CONNECTIONS = 256
# So short that there is always someone who finds it full.
_QUEUE_EVENTS = 64


class _Client(asyncio.Protocol):
    """Sends the next event as soon as the last one was answered, whatever it is told."""

    def __init__(self, key: str, took_s: dict[bytes, list[float]]) -> None:
        self._head = (
            f"POST /v1/inventory-events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}"
            "\r\ncontent-type: application/json\r\n"
        )
        self._took_s = took_s
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def _send(self) -> None:
        body = (
            f'{{"event_id":"{uuid4()}","event_type":"received","sku":"BENCH-1","location":"BENCH-P1",'
            f'"quantity":1,"occurred_at":"{datetime.now(UTC).isoformat()}"}}'
        )
        if self._transport is not None:
            request = f"{self._head}content-length: {len(body)}\r\n\r\n{body}"
            self._transport.write(request.encode())
        self._sent_at = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(head[head.find(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(self._received) < end + 4 + length:
            return
        status = head[9:12]
        if status == b"503" and b"retry-after:" not in head:
            status = b"503 without Retry-After"
        self._took_s.setdefault(status, []).append(time.perf_counter() - self._sent_at)
        self._received = self._received[end + 4 + length :]
        self._send()


async def measure_refusals(database_url: str, key: str, seconds: int) -> None:
    """Print how many were let in and sent away, and how long it took."""
    took_s: dict[bytes, list[float]] = {}
    with api(database_url, PARSTOCK_LEDGER__QUEUE_EVENTS=_QUEUE_EVENTS) as (port, _):
        loop = asyncio.get_running_loop()
        clients = [
            (await loop.create_connection(lambda: _Client(key, took_s), "127.0.0.1", port))[0]
            for _ in range(_CONNECTIONS)
        ]
        await asyncio.sleep(seconds)
        for transport in clients:
            transport.abort()
    for status, times in sorted(took_s.items()):
        times.sort()
        name = f"{_CONNECTIONS} clients, room for {_QUEUE_EVENTS}: {status.decode()}"
        print(
            f"{name:<46} {len(times) / seconds:>9,.0f} answers/s   p50"
            f" {1000 * times[len(times) // 2]:7.1f} ms   p95"
            f" {1000 * times[len(times) * 95 // 100]:7.1f} ms"
        )
