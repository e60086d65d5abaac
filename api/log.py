"""A log line is an event name and fields, as one JSON object on standard error."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from api.tracing import current_trace

_FIELDS = "parstock_fields"


class EventLog:
    """Logs of one module: `log.info("group_refused", requests=3)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: Any) -> None:
        self._logger.info(event, extra={_FIELDS: fields})

    def warning(self, event: str, **fields: Any) -> None:
        self._logger.warning(event, extra={_FIELDS: fields})

    def error(self, event: str, *, error: BaseException | None = None, **fields: Any) -> None:
        self._logger.error(event, exc_info=error, extra={_FIELDS: fields})


class JsonFormatter(logging.Formatter):
    """One line a record; text that other libraries log becomes the event."""

    def format(self, record: logging.LogRecord) -> str:
        trace = current_trace.get()
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **(trace.fields() if trace is not None else {}),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send every log of the process through the formatter; uvicorn's own too."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
