"""Names of people: one spelling, no traps for the eye, and near ones when one is not found."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

from vultus.errors import InputError, NotFoundError

__all__ = ["LONGEST_NAME", "no_such_face", "normal", "not_found"]

LONGEST_NAME = 255  # characters
# Control, surrogate, unassigned, and the separators that end a line. Format characters
# stay (Persian and Indic names need the joiners), but not those that turn the writing
# direction around: "Ada" and what looks like "Ada" must not be two people.
_REFUSED = {"Cc", "Cs", "Cn", "Zl", "Zp"}
_DIRECTION = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def normal(name: str) -> str:
    r"""The one spelling under which a name is kept: NFC, no white space around it.

    Refused (InputError): nothing left, over 255 characters, control characters, marks that
    turn the writing direction.

    >>> normal("  Ame\u0301lie ")
    'Amélie'
    """
    if not isinstance(name, str):
        raise InputError(f"expected a name as text, got {type(name).__name__}")
    spelt = unicodedata.normalize("NFC", name).strip()
    if not spelt:
        raise InputError("expected a name, got an empty one")
    if len(spelt) > LONGEST_NAME:
        raise InputError(f"expected a name of at most {LONGEST_NAME} characters, got {len(spelt)}")
    if bad := next((c for c in spelt if unicodedata.category(c) in _REFUSED or c in _DIRECTION), None):
        raise InputError(f"expected a name without control characters, got U+{ord(bad):04X} in {spelt!r}")
    return spelt


def not_found(name: str, known: Sequence[str], *, empty: bool) -> NotFoundError:
    """The error for an unknown person, with the known names that look most like it."""
    folded = {found.casefold(): found for found in reversed(known)}
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if near:
        hint = "did you mean " + " or ".join(repr(folded[one]) for one in near) + "?"
    else:
        hint = "the gallery is empty" if empty else "list the people to see who is there"
    return NotFoundError(f"expected a person of this gallery, got {name!r}; {hint}")


def no_such_face(face: str) -> NotFoundError:
    """The error for an unknown face."""
    return NotFoundError(f"expected the id of a face of this gallery, got {face!r}; list a person's faces to see them")
