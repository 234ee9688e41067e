"""Sentences of the library as they are told over HTTP."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import vultus
from vultus.server.wording import OTHERS, reasons, worded

# What a request can reach; what only the command line and Python can is left out.
REACHED = ("choice", "gallery", "images", "models", "operating", "types", "verification", "video", "server")
ONLY_ELSEWHERE = (
    "vultus.gallery.backup",
    "vultus.gallery.keeping",
    "vultus.gallery.masterkey",  # told as `master_key`, without its words
    "vultus.gallery.resealing",
    "vultus.models.expression.own",  # files of whoever runs the command
    "vultus.server.run",
    "vultus.server.settings",
    "vultus.server.wording",
)


def sentences() -> Iterator[tuple[str, str]]:
    """Module and text of every error that is raised, and of every `reason`; values in it are an x."""
    for module in pkgutil.walk_packages(vultus.__path__, "vultus."):
        parts = module.name.split(".")
        if parts[1] not in REACHED or module.name.startswith(ONLY_ELSEWHERE) or ".routes.aws" in module.name:
            continue
        tree = ast.parse(inspect.getsource(importlib.import_module(module.name)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1].endswith(
                ("Error", "Problem", "Refused", "Note", "Unsealable")
            ):
                yield from ((module.name, text) for argument in node.args for text in _texts(argument))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("reason", "text"):
                yield from ((module.name, text) for text in _texts(node.value))


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
    elif isinstance(node, ast.BinOp):
        yield " ".join([*_texts(node.left), *_texts(node.right)])


def test_nothing_is_said() -> None:
    assert worded("") == ""
    assert reasons([]) == []


def test_no_sentence_sends_a_caller_to_the_command_line() -> None:
    found = list(sentences())
    assert len(found) > 250
    assert [text for _, text in found if "--faces" in text]  # else the search finds nothing
    assert [(module, worded(text)) for module, text in found if OTHERS.search(worded(text))] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "<bytes>: expected a JPEG or PNG, got content that starts with b'xx'; convert it first",
            "expected a JPEG or PNG, got content that starts with b'xx'; convert it first",
        ),
        (
            "looks like Ada; use force if the two are not one person",
            "looks like Ada; send force=true if the two are not one person",
        ),
        (
            "x holds embeddings of a, got b; run `vultus gallery migrate` to embed its people anew, or open it with "
            "its own model",
            "x holds embeddings of a, got b; an administrator can have its people embedded anew: "
            "POST /v1/galleries/{gallery}/migrations",
        ),
        (
            "a kept crop is damaged; run `vultus gallery check`",
            "a kept crop is damaged; GET /v1/galleries/{gallery}/check shows what is damaged",
        ),
        ("expected a name that is free, 'force' is taken", "expected a name that is free, 'force' is taken"),
    ],
)
def test_advice_leads_somewhere(said: str, told: str) -> None:
    assert worded(said) == told


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"type": "missing", "loc": ("body", "name"), "msg": "Field required"}, ("body.name", "it is missing")),
        ({"type": "missing", "loc": ("body",), "msg": ""}, ("body", "expected a JSON object as the body, got none")),
        ({"type": "json_invalid", "loc": ("body", 7), "msg": ""}, ("body", "the body is not JSON (at character 7)")),
        (
            {"type": "int_parsing", "loc": ("query", "limit"), "msg": "", "input": "many"},
            ("query.limit", "expected a whole number, got 'many'"),
        ),
        (
            {"type": "model_attributes_type", "loc": ("body",), "msg": "", "input": [1]},
            ("body", "expected a JSON object, got a list"),
        ),
        (
            {"type": "extra_forbidden", "loc": ("body", "x"), "msg": ""},
            ("body.x", "nothing of this name is known here"),
        ),
        ({"type": "value_error", "loc": ("body", "x"), "msg": "Value error, no"}, ("body.x", "no")),
        (
            {"type": "less_than", "loc": ("query", "x"), "msg": "Input should be less than 2"},
            ("query.x", "Input should be less than 2"),
        ),
    ],
)
def test_what_a_request_lacks(error: dict[str, object], reason: tuple[str, str]) -> None:
    assert reasons([error]) == [{"in": reason[0], "reason": reason[1]}]
