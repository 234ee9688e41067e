from __future__ import annotations

import io
import json
import logging

import pytest

from vultus.server import logs


@pytest.fixture
def formatter() -> logs.JsonLines:
    return logs.JsonLines()


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("vultus.server", logging.INFO, "file", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_json_on_one_line(formatter: logs.JsonLines) -> None:
    line = formatter.format(record("first\nsecond", fields={"status": 200}))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["event"], told["status"]) == ("info", "first\nsecond", 200)


@pytest.mark.parametrize(
    "secret",
    [
        "vk_0123456789abcdef_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCd0",
        "Authorization: Bearer-something",
        'x-api-key="00000000-0000-4000-8000-000000000000"',
        "password=hunter2",
    ],
)
def test_secrets_are_struck_out(formatter: logs.JsonLines, secret: str) -> None:
    told = json.loads(formatter.format(record(f"wrong: {secret} there")))
    assert secret not in told["event"]
    assert "***" in told["event"]


def test_secrets_in_tracebacks_too(formatter: logs.JsonLines) -> None:
    try:
        raise ValueError("vk_0123456789abcdef_AbCdEfGhIjKlMnOpQrStUvWxYz")
    except ValueError:
        import sys

        made = record("failed")
        made.exc_info = sys.exc_info()
    assert "AbCdEf" not in formatter.format(made)


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 65, "line\nbreak", "ü"])
def test_ids_that_are_none_are_made_anew(given: str | None) -> None:
    about = logs.begin(given)
    assert about.request_id != given
    assert len(about.request_id) == 16


def test_a_plain_id_of_the_clients_is_kept() -> None:
    assert logs.begin("trace-42.a_b").request_id == "trace-42.a_b"
    assert logs.current().request_id == "trace-42.a_b"


def test_configured_loggers_write_to_the_stream() -> None:
    names = ("vultus", "uvicorn.error", "uvicorn.access")
    before = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).propagate) for name in names}
    stream = io.StringIO()
    try:
        logs.configure(logging.WARNING, stream)
        logging.getLogger("vultus.server").warning("told")
        logging.getLogger("vultus.server").info("not told")
        assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["told"]
    finally:
        for name, (handlers, propagate) in before.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate, logger.disabled = handlers, propagate, False
            logger.setLevel(logging.NOTSET)
