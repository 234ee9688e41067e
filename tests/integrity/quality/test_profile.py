"""Limits as data: what ships, what an own file may hold, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from vultus.errors import InputError, NotFoundError
from vultus.integrity.quality import PROFILES, Limit, profile
from vultus.integrity.quality.names import NAMES, OWN_UNITS, UNITS
from vultus.integrity.quality.scalars import MEASURES, NEEDS_MODEL

ROW = {"measure": "own: yaw", "of": "raw", "low": -10, "high": None, "basis": "choice", "why": "a booth of ours"}


def written(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "booth.json"
    path.write_text(json.dumps({"name": "booth", "title": "our booth", "limits": list(rows)}), encoding="utf-8")
    return str(path)


def test_every_row_has_its_unit_or_needs_a_model() -> None:
    assert UNITS.keys() | NEEDS_MODEL == MEASURES.keys()
    assert UNITS.keys() & NEEDS_MODEL == set()
    assert len(UNITS) == 16
    assert list(NAMES) == [*MEASURES, *OWN_UNITS]
    assert all(name.startswith("own: ") for name in OWN_UNITS)


@pytest.mark.parametrize("name", PROFILES)
def test_shipped_profiles_say_where_each_limit_comes_from(name: str) -> None:
    found = profile(name)
    assert (found.name, bool(found.title)) == (name, True)
    assert len(found.limits) > 15
    assert all(len(limit.why) > 15 for limit in found.limits.values())
    assert {limit.basis for limit in found.limits.values()} == {"secondary", "choice"}


def test_published_limits_stand_as_they_are_reported() -> None:
    limits = profile("icao").limits
    assert [(limits[name].low, limits[name].high) for name in ("own: yaw", "own: roll")] == [(-5, 5), (-8, 8)]
    assert limits["InterEyeDistance"].low == 90
    assert (limits["own: horizontal position"].low, limits["own: horizontal position"].high) == (0.45, 0.55)


def test_an_own_file(tmp_path: Path) -> None:
    found = profile(written(tmp_path, ROW))
    assert (found.name, found.title) == ("booth", "our booth")
    limit = found.limits["own: yaw"]
    assert (limit.low, limit.high) == (-10, math.inf)
    assert limit.holds(-10)
    assert not limit.holds(-10.1)
    assert not limit.holds(math.nan)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("x", "raw", 1, math.inf, "choice", ""), "at least 1"),
        (Limit("x", "raw", -math.inf, 2, "choice", ""), "at most 2"),
        (Limit("x", "scalar", 1, 2, "choice", ""), "scalar 1 to 2"),
    ],
)
def test_in_words(limit: Limit, words: str) -> None:
    assert str(limit) == words


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"measure": "Beauty"}, "no measure"),
        ({"measure": "Sharpness"}, "needs an OFIQ model"),
        ({"of": "scalar"}, "`of`"),
        ({"basis": "hearsay"}, "`basis`"),
        ({"low": None}, "one of them a number"),
        ({"low": 5, "high": 4}, "low <= high"),
        ({"low": "wide"}, "ValueError"),
    ],
)
def test_limits_that_mean_nothing_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        profile(written(tmp_path, {**ROW, **change}))


def test_files_that_are_no_profile_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several"):
        profile(written(tmp_path, ROW, ROW))
    for text in ("", "[]", "{}", '{"name": "a", "title": "b", "limits": [1]}'):
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="expected a profile"):
            profile(str(tmp_path / "bad.json"))
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        profile(str(tmp_path / "bad.json"))


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="icao"):
        profile("moon")
    with pytest.raises(NotFoundError, match="no such profile"):
        profile(str(tmp_path / "nowhere.json"))
