"""The library's sentences as a caller of `/v1` can act on them.

The library speaks to whoever types commands or Python. Over HTTP its advice would lead nowhere: there are
no options and no commands, only fields, parameters and addresses. One table says what each becomes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["OTHERS", "reasons", "worded"]

# What is said of options, commands and Python's parameters, and what it is over HTTP.
_SAYINGS: tuple[tuple[str, str], ...] = (
    (r"crop the picture or name one with --faces N", "crop the picture, or name one with the parameter faces"),
    (r"faces='(\w+)' needs", r"the parameter faces=\1 needs"),
    (r"use force if the two are not one person", "send force=true if the two are not one person"),
    (r"use force to overrule", "send force=true to overrule"),
    (r"; see --gate none", "; the parameter gate=none compares them all the same"),
    (
        r"run\s+`vultus gallery migrate` to embed its people anew, or open it with its own model",
        "an administrator can have its people embedded anew: POST /v1/galleries/{gallery}/migrations",
    ),
    (
        r"import it into a new gallery and migrate that one",
        "import it with a server of that model, and migrate the gallery there",
    ),
    (
        r"accept the loss with accept_losses",
        "accept the loss with accept_losses: true",
    ),
    (
        r"the gallery is sealed and an export would not be; give a passphrase, or ask for the clear with --clear",
        "the gallery is sealed and an export would not be; send a passphrase in the header X-Passphrase, or clear=true",
    ),
    (r"; name it to open the file", "; send it in the header X-Passphrase"),
    (r"expected a passphrase or an export in the clear, got both", "expected X-Passphrase or clear=true, got both"),
    (r"import with on_conflict='merge'", "import with on_conflict=merge"),
    (r"; choose another name or overwrite it", ""),
    (r"such as `vultus audit-log head` prints", "such as GET /v1/journal/head gives"),
    (r"run `?vultus gallery check`?", "GET /v1/galleries/{gallery}/check shows what is damaged"),
    (
        r"measure them on pictures of known people with `vultus calibrate`",
        "whoever runs the server must measure them on pictures of known people",
    ),
    (r"run `?vultus calibrate`?", "whoever runs the server must calibrate it"),
    (r"; open (?:it|the gallery) (?:again|here|without read_only|once without read_only)[\w ]*", "; try again later"),
    (r"; open it with an analyzer, or with a contract", "; enrol somebody first"),
    (r"; (?:update|make one with) vultus", ""),
    (r"pip install '?[\w\[\]-]+'?", "whoever runs the server must install it"),
    (r"^<(?:bytes|array|picture)>: ", ""),
)
_TABLE = tuple((re.compile(said), told) for said, told in _SAYINGS)

# What no sentence over HTTP may hold, for the test that reads all of the library's.
OTHERS = re.compile(
    r"(?<![\w-])--[a-z][a-z-]+|`vultus |\bvultus (?:gallery|calibrate|models|keys|enroll|serve) "
    r"|use force|<bytes>|<array>|pip install"
)


def worded(text: str) -> str:
    """A sentence of the library as it is told over HTTP.

    >>> worded("<bytes>: expected one face, found 2; crop the picture or name one with --faces N")
    'expected one face, found 2; crop the picture, or name one with the parameter faces'
    """
    for said, told in _TABLE:
        text = said.sub(told, text)
    return text


_PATTERNS = {
    "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$": "expected 1 to 200 letters, digits, dots, dashes and underscores, the first "
    "no dot and no dash",
    "^(main|one|largest|centre|all|[1-9][0-9]{0,2})$": "expected main, one, largest, centre, all, or a number from 1",
}


def reasons(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What a request lacks or has too much of: `in` names the place (query.limit, body.name), `reason` says why."""
    return [_reason(one) for one in errors]


def _reason(error: Mapping[str, Any]) -> dict[str, str]:
    kind, context, given = error["type"], error.get("ctx") or {}, error.get("input")
    place = [str(part) for part in error["loc"]]
    if kind == "json_invalid":
        return {"in": "body", "reason": f"the body is not JSON (at character {place[-1]})"}
    reason = str(error["msg"])
    if kind == "missing":
        reason = "expected a JSON object as the body, got none" if place == ["body"] else "it is missing"
    elif kind == "extra_forbidden":
        reason = "nothing of this name is known here"
    elif kind in ("model_attributes_type", "dict_type", "model_type"):
        reason = f"expected a JSON object, got {_type(given)}"
    elif kind == "string_pattern_mismatch":
        reason = _PATTERNS.get(str(context.get("pattern")), reason)
    elif kind == "value_error":
        reason = reason.removeprefix("Value error, ")
    elif kind.endswith("_type") or kind.endswith("_parsing"):
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "string": "a text",
            "list": "a list",
        }
        name = kind.removesuffix("_type").removesuffix("_parsing")
        if name in words:
            shown = f"{given!r:.60}" if isinstance(given, str) else _type(given)
            reason = f"expected {words[name]}, got {shown}"
    return {"in": ".".join(place), "reason": reason}


def _type(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), "other bytes")
