"""Docstrings as this project writes them, made ready for the reference pages.

Two habits of the code need a hand: examples stand as doctests in running text, and the
meaning of a dataclass field stands in the comment at the end of its line.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Any

import griffe

__all__ = ["Plain", "fenced", "parameters_marked", "trailing_comment"]


def fenced(text: str) -> str:
    r"""The text with each doctest as a fenced block; Markdown would read >>> as quotations.

    >>> fenced("Adds.\n\n>>> 1 + 1\n2")
    'Adds.\n\n```pycon\n>>> 1 + 1\n2\n```'
    """
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(">>> ") and not inside:
            lines += ["```pycon"]
            inside = True
        elif inside and not line.strip():
            lines += ["```"]
            inside = False
        lines.append(line)
    if inside:
        lines.append("```")
    return "\n".join(lines)


def parameters_marked(text: str, names: list[str]) -> str:
    """The text with the parameters' names in code type where their explanations begin.

    >>> parameters_marked("Turns it. angle: degrees.", ["angle"])
    'Turns it. `angle`: degrees.'
    """
    if not names:
        return text
    one = "|".join(map(re.escape, names))
    return re.sub(rf"(^|(?<=[.)] ))((?:{one})(?:, (?:{one}))*): ", r"`\2`: ", text, flags=re.MULTILINE)


def trailing_comment(source: str) -> str:
    """The comment at the end of the first line of a statement, without its mark.

    >>> trailing_comment("yaw: float  # degrees")
    'degrees'
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source.strip() + "\n").readline))
    except tokenize.TokenError:
        return ""
    return next((token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT), "")


class Plain(griffe.Extension):
    """Rewrites docstrings while the reference is collected."""

    def on_instance(self, *, node: ast.AST | griffe.ObjectNode, obj: griffe.Object, **_: Any) -> None:
        """Give an object's docstring the form that Markdown expects."""
        if obj.docstring is None:
            return
        if isinstance(obj, griffe.Function):
            names = [parameter.name for parameter in obj.parameters]
            obj.docstring.value = parameters_marked(obj.docstring.value, names)
        obj.docstring.value = fenced(obj.docstring.value)

    def on_class_members(self, *, node: ast.AST | griffe.ObjectNode, cls: griffe.Class, **_: Any) -> None:
        """List the fields of a class as a table below its docstring, and not one by one."""
        fields = [
            member
            for member in cls.members.values()
            if isinstance(member, griffe.Attribute)
            and member.is_public
            and member.annotation is not None
            and "property" not in member.labels
        ]
        if not fields:
            return
        rows = ["| field | type | meaning |", "| --- | --- | --- |"]
        for field in fields:
            field.public = False
            kind = str(field.annotation).replace("|", "\\|")
            rows.append(f"| `{field.name}` | {kind} | {trailing_comment(field.source)} |")
        own = "" if cls.docstring is None else cls.docstring.value
        cls.docstring = griffe.Docstring(own + "\n\n" + "\n".join(rows), parent=cls)
