"""What the pages say about models, gates, thresholds and commands is made from the code itself.

A page holds a marker such as `<!-- models -->`; it is replaced when the site is built, so
a new model file brings its row and a new option its line. A marker that nobody knows stops
the build.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

__all__ = ["MARKERS", "commands", "on_page_markdown"]

DOCS = Path(__file__).parent
_MARKER = re.compile(r"^<!-- made: ([a-z-]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the made parts in the place of their markers."""

    def made(found: re.Match[str]) -> str:
        if found[1] not in MARKERS:
            raise PluginError(f"no part is called {found[1]!r}; known are {', '.join(MARKERS)}")
        return MARKERS[found[1]]()

    return _MARKER.sub(made, markdown)


def models() -> str:
    """One row for every registered model, and where each comes from."""
    from vultus import registry

    rows, origins = [], []
    for card in registry.cards():
        size = sum(source.size for source in registry.sources(card))
        inside = registry.packaged(card)
        shown = f"{size / 1e6:.1f} MB" if size else f"in the package, {inside.size / 1e6:.1f} MB" if inside else "none"
        rows.append((f"`{card.name}`", card.task, card.summary, shown, card.code_licence, card.weights_licence))
        origins.append(f"- `{card.name}`: {card.origin}." + (f" Measured: {card.measured}." if card.measured else ""))
    table = _table(("name", "task", "what it is", "fetched", "licence of the code", "of the weights"), rows)
    return table + "\n\n" + "\n".join(origins)


def hashes() -> str:
    """Every file of every model: where it is taken from, and its SHA-256."""
    from vultus import registry

    files = {source.member.rpartition("/")[2]: source for card in registry.cards() for source in registry.sources(card)}
    rows = [
        (f"`{name}`", f"{source.size:,}", f"{source.distribution} {source.version}", f"`{source.sha256}`")
        for name, source in sorted(files.items())
    ]
    return _table(("file", "bytes", "package", "SHA-256"), rows)


def gates() -> str:
    """What each level asks of a face, and the reason it gives when it refuses."""
    from vultus.models.quality import GATES

    words = {
        "confidence": ("detector's confidence", "at least", "`LOW_CONFIDENCE`"),
        "side": ("shorter side of the box, pixels", "at least", "`SMALL_BOUNDING_BOX`"),
        "sharpness": ("sharpness", "at least", "`LOW_SHARPNESS`"),
        "brightness": ("brightness", "within", "`LOW_BRIGHTNESS`, `HIGH_BRIGHTNESS`"),
        "angle": ("largest angle of the head, degrees", "at most", "`EXTREME_POSE`"),
        "inside": ("share of the box inside the picture", "at least", "`CUT_BY_FRAME`"),
        "score": ("all in one number", "at least", "`LOW_FACE_QUALITY`"),
    }
    rows = []
    for field in fields(next(iter(GATES.values()))):
        what, bound, reason = words.get(field.name, (field.name, "", ""))
        values = [getattr(gate, field.name) for gate in GATES.values()]
        shown = [f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}" for value in values]
        rows.append((what, bound, *shown, reason))
    return _table(("measure", "must be", *GATES, "reason for refusal"), rows)


def verify_thresholds() -> str:
    """Thresholds one against one, from the table that ships."""
    table = _shipped()
    rows = []
    for rate in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        point = table.verify(rate)
        shown = (
            "beyond what the data can show: extrapolated"
            if point.measured is None
            else f"{point.measured.k:,} of {point.measured.n:,}, 95 % interval {point.measured.low:.2g} to "
            f"{point.measured.high:.2g}"
        )
        rows.append((f"{rate:g}", f"{point.threshold:.3f}", shown))
    return _table(("FMR asked for", "threshold", "seen on the development data"), rows)


def identify_thresholds() -> str:
    """Thresholds against galleries of several sizes, from the table that ships."""
    table = _shipped()
    rows = []
    for people in (1, 3, 20, 100, 1000, 10_000):
        points = [table.identify(0.01, [count] * people) for count in (1, 5)]
        fixed = table.predicted_fpir(table.verify(1e-3).threshold, [1] * people)
        shown = [f"{point.threshold:.3f}{' *' if point.extrapolated else ''}" for point in points]
        rows.append((f"{people:,}", *shown, f"{fixed:.1%}".replace("%", " %")))
    head = ("people", "threshold for FPIR 1 %, one picture each", "five pictures each", "FPIR at a fixed threshold")
    return _table(head, rows)


def birth() -> str:
    """On what the shipped thresholds were measured, in one sentence."""
    table = _shipped()
    return (
        f"Model `{table.model}`, {table.data}; {table.impostors:,} comparisons of different people, measured on "
        f"{table.date} by `{table.command}`."
    )


def error_tree() -> str:
    """The tree as the code draws it."""
    from vultus import errors

    tree = [line for line in (errors.__doc__ or "").splitlines() if re.match(r"\s*[*x+] ", line)]
    return "\n".join(["```text", *tree, "```"])


def floors() -> str:
    """What lies on which floor, from the rules that are checked, with each package's opening sentence."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    rules = {rule["name"]: rule for rule in project["tool"]["importlinter"]["contracts"]}
    rows = []
    for number, layer in enumerate(reversed(rules["floors"]["layers"])):
        for name in re.findall(r"\w+", layer):
            place = DOCS.parent / "src" / "vultus" / name
            code = next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)
            if code is not None:
                sentence = (ast.get_docstring(ast.parse(code.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
                rows.append((str(number), f"`{name}`", " ".join(sentence.split())))
    return _table(("floor", "package", "what it is"), reversed(rows))


def command_line() -> str:
    """Every command with its arguments and options."""
    parts = []
    for words, command in commands():
        if not hasattr(command, "commands"):
            usage = " ".join([*words, *map(_argument, _arguments(command)), "[OPTIONS]"])
            parts += [f"## {' '.join(words)}", _help(command), f"```text\n{usage}\n```", _parameters(command)]
    return "\n\n".join(parts)


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group that is shown to users, with the words that call it."""
    import typer.main

    from vultus.cli.app import app

    yield from _below(("vultus",), typer.main.get_command(app))


def _below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if command.hidden:
        return
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below((*words, name), inner)


def _help(command: Any) -> str:
    return "\n".join(line.strip() for line in (command.help or "").strip().splitlines())


def _arguments(command: Any) -> list[Any]:
    return [item for item in command.params if item.param_type_name == "argument"]


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[]{}")
    return name if argument.required else f"[{name}]"


def _parameters(command: Any) -> str:
    rows = []
    for item in command.params:
        if item.param_type_name == "argument":
            if item.help:
                rows.append((f"`{_argument(item)}`", item.help, ""))
        elif not item.hidden:
            names = ", ".join(f"`{name}`" for name in item.opts)
            default = "" if item.required or item.default in (None, False) else f"`{item.default}`"
            rows.append((names, f"{item.help or ''}{' Required.' if item.required else ''}", default))
    return _table(("option", "what it does", "default"), rows)


def _shipped() -> Any:
    """The table of the default recogniser."""
    from importlib import resources

    from vultus.operating import OperatingTable

    return OperatingTable.load(resources.files("vultus") / "operating_points" / "sface.json")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    """A bar would end the cell, except in code, where a backslash before it would be shown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in parts)


MARKERS: dict[str, Callable[[], str]] = {
    "models": models,
    "hashes": hashes,
    "gates": gates,
    "verify-thresholds": verify_thresholds,
    "identify-thresholds": identify_thresholds,
    "birth": birth,
    "error-tree": error_tree,
    "floors": floors,
    "command-line": command_line,
}
