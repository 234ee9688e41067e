"""The one text of a JSON object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.integrity.canonical import canonical, parse, time_of, time_text


def test_empty() -> None:
    assert canonical({}) == b"{}"
    assert parse(b"{}") == {}
    with pytest.raises(InputError):
        parse(b"")


def test_by_hand() -> None:
    assert canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
def test_it_comes_back(fields: dict[str, object]) -> None:
    try:
        data = canonical(fields)
    except UnicodeEncodeError:  # half of a pair of surrogates is no text
        return
    assert parse(data) == fields
    assert canonical(parse(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"1",
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b"\xff",
        b"{",
        b"{}x",
        b"[" * 100_000,
        b'{"a":"\\ud800"}',
        b'{"a":1e999}',
    ],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse(data)


def test_times_are_utc_in_whole_seconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 999_999, timezone(timedelta(hours=1)))
    assert time_text(moment) == "2026-01-02T02:04:05Z"
    assert time_of("2026-01-02T02:04:05Z") == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    for text in ("", "2026-01-02", "2026-13-02T02:04:05Z", 5, None):
        with pytest.raises(InputError):
            time_of(text)
