"""Whether this process was told to stop.

uvicorn ends the lifespan only when every answer is out, so whoever keeps an answer open must learn
of the end from the signal itself.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop(stopping: asyncio.Event) -> Iterator[None]:
    """Set the event at the signals that end the process, before whoever listens to them already."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread only
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in _SIGNALS:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
