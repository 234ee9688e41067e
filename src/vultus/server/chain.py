"""A chain of entries in which every later change shows, and walking along it.

An entry is one JSON object in canonical form (keys sorted, no spaces, UTF-8). It holds the hash of
the entry before it, and its own hash is the SHA-256 of its text, so that nothing can be changed, put
in or taken out without every later hash being wrong. What the chain cannot show by itself is that its
end was cut off: keep a head elsewhere now and then, and verify against it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vultus.errors import InputError

__all__ = ["FIRST", "Entry", "Head", "Verification", "Walk", "canonical", "checked", "verify_lines"]

FIRST = "0" * 64  # the hash before the first entry
_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")  # ids, names of actions and galleries: no white space
_REASON = 500  # characters
_MANY = 200  # values in a list of evidence
_FINDINGS = 20  # told; the rest is counted


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain, to be kept elsewhere; written as `seq:hash`."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def of(cls, text: str) -> Head:
        """What `str` wrote; anything else is refused (InputError)."""
        found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", text.strip())
        if found is None:
            raise InputError(f"expected a head as seq:hash, such as `vultus audit-log head` prints, got {text!r}")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done."""

    seq: int
    at: str  # UTC
    actor: str  # such as key:4f2a…
    action: str  # such as person.enroll
    hash: str
    prev: str
    gallery: str = ""
    target: str = ""  # id of a person, a face or a key
    reason: str = ""  # as the caller gave it
    revision: int | None = None  # of the gallery, afterwards
    request: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)  # of a decision: score, threshold, rate, model

    @classmethod
    def read(cls, body: str, digest: str) -> Entry:
        """An entry from its text."""
        return cls(hash=digest, **json.loads(body))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the chain found."""

    entries: int
    head: Head
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """The chain is whole, and holds the head that was kept, if one was given."""
        return not self.findings


def canonical(fields: Mapping[str, Any]) -> str:
    """The one text of an entry, from which its hash is taken; NaN and infinity are refused (InputError).

    >>> canonical({"seq": 1, "actor": "key:test"})
    '{"actor":"key:test","seq":1}'
    """
    try:
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected numbers, words and lists of words for the journal ({error})") from error


def checked(
    words: Mapping[str, str | None], reason: str, revision: int | None, evidence: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The fields of an entry, what is empty left out.

    reason: kept to 500 characters, control characters replaced. Refused (InputError): words with
    white space, evidence that is no number, word or list of ids: a vector, a picture, an object.
    """
    fields: dict[str, Any] = {name: value for name, value in words.items() if value}
    for name, value in fields.items():
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise InputError(f"expected {name} for the journal as an id without white space, got {value!r:.80}")
    for name in ("actor", "action"):
        if name not in fields:
            raise InputError(f"expected {name} for the journal, got nothing")
    if reason:
        # Somebody's words, often about what is done already: written as far as they can be, never refused.
        fields["reason"] = "".join(letter if letter.isprintable() else "\ufffd" for letter in reason[:_REASON])
    if revision is not None:
        fields["revision"] = revision
    if evidence:
        fields["evidence"] = {name: _evidence(name, value) for name, value in evidence.items()}
    canonical(fields)  # what cannot be written is refused before anything waits for it
    return fields


class Walk:
    """A walk along the chain, entry by entry; kept: a head that must be met."""

    def __init__(self, kept: Head | None) -> None:
        self._kept = kept
        self._met = kept is None or kept == Head(0, FIRST)
        self._said: list[str] = []
        self._more = 0
        self._entries = 0
        self.last = Head(0, FIRST)

    def say(self, finding: str) -> None:
        if len(self._said) < _FINDINGS:
            self._said.append(finding)
        else:
            self._more += 1

    def step(self, seq: int, body: str, digest: str) -> None:
        """One entry more."""
        self._entries += 1
        if seq != self.last.seq + 1:
            self.say(f"entry {self.last.seq + 1} is missing: after {self.last.seq} comes {seq}")
        if hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest() != digest:
            self.say(f"entry {seq} was changed: its text does not have its hash")
        try:
            fields = json.loads(body)
            if canonical(fields) != body:
                self.say(f"entry {seq} is not in canonical form")
            if fields.get("seq") != seq:
                self.say(f"entry {seq} calls itself {fields.get('seq')!r}: it was moved")
            if fields.get("prev") != self.last.hash and seq == self.last.seq + 1:
                self.say(f"entry {seq} does not follow {self.last.seq}: one of the two was changed or put in")
        except (ValueError, AttributeError, InputError):
            self.say(f"entry {seq} is no entry")
        self.last = Head(seq, digest)
        if self._kept == self.last:
            self._met = True

    def result(self) -> Verification:
        if self._kept is not None and not self._met:
            self.say(
                f"the kept head {self._kept.seq}:{self._kept.hash[:16]}… is not in the chain, which ends at "
                f"{self.last.seq}: entries were cut off, or all later ones written anew"
            )
        said = [*self._said, f"and {self._more} more"] if self._more else self._said
        return Verification(self._entries, self.last, tuple(said))


def verify_lines(lines: Iterable[str], head: Head | None = None) -> Verification:
    """Walk along an exported chain from its first entry; head: one that was kept."""
    walk = Walk(head)
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            digest = fields.pop("hash")
            walk.step(int(fields["seq"]), canonical(fields), digest)
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            walk.say(f"line {number} is no entry")
    return walk.result()


def _evidence(name: str, value: Any) -> Any:
    """A value that may stand in the journal; refused (InputError): lists of numbers, which vectors are, and objects."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # Score and threshold to six places: enough to follow a decision, one text on every machine.
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, str) and len(value) <= _REASON and value.isprintable():
        return value
    listed = isinstance(value, list | tuple) and len(value) <= _MANY
    if listed and all(isinstance(word, str) and _ID.fullmatch(word) for word in value):
        return list(value)
    raise InputError(f"expected {name} for the journal as a number, a word or a list of ids, got {value!r:.80}")
