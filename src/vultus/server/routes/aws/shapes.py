"""What requests may hold: the shapes and constraints of the public API model, version 2016-06-27.

A value of another kind is refused as SerializationException, one outside its constraints as
InvalidParameterException; members that nobody knows are passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vultus.server.routes.aws.wire import Fault

__all__ = ["IMAGE_BYTES", "Flag", "Items", "Number", "Picture", "Shape", "Tags", "Text", "Whole", "read"]

IMAGE_BYTES = 5 * 2**20


class Shape(Protocol):
    """Reads one member of a request."""

    def read(self, name: str, value: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string. pattern: of all of it. choices: the only values."""

    least: int = 0
    most: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()

    def read(self, name: str, value: object) -> str:
        """The string."""
        if not isinstance(value, str):
            raise _kind(name, "a string", value)
        if self.choices and value not in self.choices:
            raise _bad(name, f"one of {', '.join(self.choices)}")
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            raise _bad(name, f"{self.least} to {self.most} characters")
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            raise _bad(name, f"the pattern {self.pattern}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int | None = None

    def read(self, name: str, value: object) -> int:
        """The number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise _kind(name, "a whole number", value)
        if value < self.least or (self.most is not None and value > self.most):
            raise _bad(name, f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}")
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    least: float = 0
    most: float = 100

    def read(self, name: str, value: object) -> float:
        """The number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _kind(name, "a number", value)
        if not self.least <= value <= self.most:  # NaN, too
            raise _bad(name, f"{self.least:g} to {self.most:g}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, name: str, value: object) -> bool:
        """The flag."""
        if not isinstance(value, bool):
            raise _kind(name, "true or false", value)
        return value


@dataclass(frozen=True, slots=True)
class Items:
    """A list of strings."""

    of: Text
    least: int = 0
    most: int | None = None

    def read(self, name: str, value: object) -> list[str]:
        """The list."""
        if not isinstance(value, list):
            raise _kind(name, "a list", value)
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            raise _bad(name, f"{self.least} to {self.most} members")
        return [self.of.read(f"{name}.member", one) for one in value]


@dataclass(frozen=True, slots=True)
class Tags:
    """Keys and values of a resource's tags, at most 200."""

    most: int = 200

    def read(self, name: str, value: object) -> dict[str, str]:
        """The tags."""
        if not isinstance(value, dict):
            raise _kind(name, "a map", value)
        if len(value) > self.most:
            raise _bad(name, f"at most {self.most} tags")
        key = Text(1, 128, r"(?!aws:)[\w\s.:/=+\-@]*")
        text = Text(0, 256, r"[\w\s.:/=+\-@]*")
        return {key.read(f"{name}.key", one): text.read(f"{name}.value", other) for one, other in value.items()}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's bytes, base64; what lies in somebody's bucket cannot be had."""

    def read(self, name: str, value: object) -> bytes:
        """The bytes."""
        if not isinstance(value, dict):
            raise _kind(name, "a structure", value)
        data = value.get("Bytes")
        if value.get("S3Object") is not None:
            raise Fault("InvalidS3ObjectException", f"this server reads no buckets: send {name}.Bytes")
        if data is None:
            raise _bad(name, "Bytes")
        if not isinstance(data, str):
            raise _kind(f"{name}.Bytes", "base64", data)
        if len(data) > IMAGE_BYTES * 4 // 3 + 4:
            raise _large(name)
        try:
            found = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Fault("SerializationException", f"{name}.Bytes is not base64") from error
        if not found:
            raise _bad(f"{name}.Bytes", f"1 to {IMAGE_BYTES} bytes")
        if len(found) > IMAGE_BYTES:
            raise _large(name)
        return found


def read(fields: Mapping[str, Shape], required: tuple[str, ...], given: object) -> dict[str, object]:
    """The members of a request, those that are absent or null left out."""
    if not isinstance(given, dict):
        raise Fault("SerializationException", "expected a JSON object")
    found = {name: shape.read(name, given[name]) for name, shape in fields.items() if given.get(name) is not None}
    if missing := [name for name in required if name not in found]:
        raise Fault("InvalidParameterException", f"expected a value for {', '.join(missing)}")
    return found


def _kind(name: str, expected: str, value: object) -> Fault:
    return Fault("SerializationException", f"expected {expected} for {name}, got {type(value).__name__}")


def _bad(name: str, expected: str) -> Fault:
    return Fault("InvalidParameterException", f"Value at '{name}' failed to satisfy constraint: expected {expected}")


def _large(name: str) -> Fault:
    return Fault("ImageTooLargeException", f"expected at most {IMAGE_BYTES} bytes for {name}.Bytes")
