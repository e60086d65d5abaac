"""What the API is held to: an empty responder, and FastAPI with the same body and no work.

python -m bench.servers empty PORT      answers 201 to anything; the load generator's ceiling
uvicorn --factory bench.servers:noop    the same body model and server options, no work
"""

import asyncio
import sys
from typing import cast

import uvloop
from fastapi import FastAPI

from api.ledger.events import InventoryEvent

_ANSWER = (
    b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n"
    b'{"status":"recorded"}'
)


class EmptyResponder(asyncio.Protocol):
    """Answers each whole request and looks at nothing but where it ends."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            if self._transport is not None:
                self._transport.write(_ANSWER)


def noop() -> FastAPI:
    """A bare app with the body model of POST /v1/inventory-events."""
    app = FastAPI()

    @app.post("/v1/inventory-events", status_code=201)
    async def record_nothing(event: InventoryEvent) -> dict[str, str]:
        return {"status": "recorded"}

    return app


async def _serve_empty(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(EmptyResponder, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve_empty(int(sys.argv[2])))
