"""Limits as data: what ships, what an own file may hold, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from vultus.errors import InputError, NotFoundError
from vultus.integrity.crop import EYES_TO_HEAD, format_of
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


def test_reported_limits_stand_as_they_are_reported() -> None:
    limits = profile("icao").limits
    reported = {name: limit for name, limit in limits.items() if limit.basis == "secondary"}
    assert {name: (limit.low, limit.high) for name, limit in reported.items()} == {
        "SingleFacePresent": (-math.inf, 0),
        "own: yaw": (-5, 5),
        "own: roll": (-8, 8),
        "InterEyeDistance": (90, math.inf),
    }
    assert all("as quoted" in limit.why or "reports it" in limit.why for limit in reported.values())
    # 70 to 80 % from chin to crown, a twentieth more either way.
    head = limits["HeadSize"]
    assert (head.low, head.high) == pytest.approx((0.7 * EYES_TO_HEAD / 1.05, 0.8 * EYES_TO_HEAD * 1.05), abs=0.005)


@pytest.mark.parametrize("format", ["passport", "passport-large"])
def test_what_issuing_cuts_is_within_the_limits(format: str) -> None:
    limits, made = profile("icao").limits, format_of(format)
    (width, height), drop = made.size_wh, made.share * EYES_TO_HEAD
    assert limits["HeadSize"].holds(drop)
    assert limits["own: vertical position"].holds(made.eyes_down)
    assert limits["own: shape"].holds(width / height)
    assert limits["MarginAboveOfTheFaceImage"].holds(made.eyes_down / drop)
    assert limits["MarginBelowOfTheFaceImage"].holds((1 - made.eyes_down) / drop)
    # The longest of 100 faces has 1.96 distances of the eyes from there to the chin.
    assert limits["InterEyeDistance"].holds(drop * height / 1.96)


def test_what_passes_before_the_cut_has_room_for_it() -> None:
    limits, made = profile("capture").limits, format_of("passport")
    (width, height), drop = made.size_wh, made.share * EYES_TO_HEAD
    needed = {
        "LeftwardCropOfTheFaceImage": width / height / 2 / drop * 1.96 + 0.5,
        "RightwardCropOfTheFaceImage": width / height / 2 / drop * 1.96 + 0.5,
        "MarginAboveOfTheFaceImage": made.eyes_down / drop,
        "MarginBelowOfTheFaceImage": (1 - made.eyes_down) / drop,
    }
    for name, room in needed.items():
        assert limits[name].of == "raw"
        assert room <= limits[name].low < 1.15 * room


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
