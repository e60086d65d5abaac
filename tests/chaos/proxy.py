"""A TCP proxy between the API and PostgreSQL whose cable can be pulled."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any

_CHUNK_BYTES = 65_536
_ORDERS_WITHIN_S = 10.0


class Cable:
    """Forwards what comes to its port to another, until it is hushed or cut."""

    def __init__(self, port: int, to_port: int) -> None:
        self._port = port
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._thread.start()
        self.mend()

    def hush(self) -> None:
        """What is sent from now on vanishes without a word: neither side can know."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def cut(self) -> None:
        """Whoever talks is reset in the middle of a word, and nobody is let in."""
        self._order(self._cut())

    def mend(self) -> None:
        """Let in who comes from now on."""
        self._order(self._mend())

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _order(self, order: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(order, self._loop).result(_ORDERS_WITHIN_S)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        ends, self._ends = self._ends, set()
        for end in ends:
            end.transport.abort()
        await asyncio.sleep(0)

    async def _mend(self) -> None:
        self._passes.set()
        self._server = await asyncio.start_server(
            self._join, "127.0.0.1", self._port, limit=_CHUNK_BYTES
        )

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        if self._server is None:  # cut while the far side was called
            writer.transport.abort()
            far_writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        for end in ends:
            _reset_when_aborted(end)
        await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))
        self._ends -= ends

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await source.read(_CHUNK_BYTES):
                await self._passes.wait()
                target.write(part)
                await target.drain()
        target.close()


def _reset_when_aborted(end: asyncio.StreamWriter) -> None:
    end.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
