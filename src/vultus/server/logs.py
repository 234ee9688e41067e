"""One line of JSON for each request and event, with the request's id; no names, scores, queries or secrets.

What is known of a request gathers in `current()`, from the door to the answer, and whoever
logs within the request logs its id.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TextIO

__all__ = ["About", "JsonLines", "begin", "configure", "current", "hush"]

_SECRET = re.compile(
    r"vk_[0-9a-f]{4,}_[A-Za-z0-9_-]+"  # our keys
    r"|(?i:authorization|x-api-key|secret|password)[\"']?\s*[:=]\s*\S+"
)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_random = Random()  # ids tell requests apart, they are no secrets
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(slots=True)
class About:
    """What is known of the request that is being served."""

    request_id: str
    method: str = ""
    route: str = ""  # the template, such as /v1/galleries/{gallery}: never the names in it
    key: str = ""  # id of the key, never the key
    client: str = ""  # address
    limit: int = 0  # bytes that the body may have
    seconds: float = 0.0  # that the body may take
    received: int = 0  # bytes of the body so far
    problem: str = ""
    trace: str = ""  # id of the OpenTelemetry trace


_current: ContextVar[About | None] = ContextVar("vultus_request", default=None)


def current() -> About:
    """The request that is being served; an empty one outside of any."""
    return _current.get() or About("")


def begin(request_id: str | None = None) -> About:
    """A request comes in; an id of the client's is kept when it is a plain one."""
    if request_id is None or not _ID.fullmatch(request_id):
        request_id = format(_random.getrandbits(64), "016x")
    about = About(request_id)
    _current.set(about)
    return about


def hush(text: str) -> str:
    """The text without keys in it.

    >>> hush("refused vk_0123456789abcdef_Zm9vYmFy for Authorization: Basic")
    'refused *** for ***'
    """
    return _SECRET.sub("***", text)


class JsonLines(logging.Formatter):
    """Each record as one line of JSON; `extra={"fields": {...}}` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": hush(record.getMessage()),
        }
        about = current()
        if about.request_id:
            line["request_id"] = about.request_id
        if about.trace:
            line["trace_id"] = about.trace
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["exception"] = hush(self.formatException(record.exc_info))
        return _encode(line)


def configure(level: int = logging.INFO, stream: TextIO | None = None) -> logging.Handler:
    """Send the logs of vultus and of uvicorn as JSON lines to a stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("vultus", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    logging.getLogger("uvicorn.access").disabled = True  # it would log whole addresses, with names in them
    return handler
