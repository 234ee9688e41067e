"""`vultus keys` and what `vultus serve` refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from vultus.cli import keys, serve
from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.server.keys import Keys, server_secret

Run = Callable[..., list[dict[str, object]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    app = typer.Typer()
    keys.add_to(app)
    serve.add_to(app)

    def call(*arguments: object) -> list[dict[str, object]]:
        capsys.readouterr()
        app([str(argument) for argument in arguments], standalone_mode=False)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "galleries"
    made.mkdir()
    return made


def test_no_keys(run: Run, folder: Path) -> None:
    assert run("keys", "list", "--gallery", folder, "--json") == []


def test_a_key_is_made_shown_once_renewed_and_revoked(run: Run, folder: Path) -> None:
    (made,) = run(
        "keys", "create", "--role", "operator", "--only", "staff", "--label", "door", "--gallery", folder, "--json"
    )
    assert str(made["secret"]).startswith("vk_")
    (listed,) = run("keys", "list", "--gallery", folder, "--json")
    assert "secret" not in listed
    assert (listed["role"], listed["galleries"], listed["label"]) == ("operator", ["staff"], "door")
    known = Keys(folder / ".vultus" / "keys.sqlite", server_secret(folder / ".vultus" / "server.key"))
    assert known.verify(str(made["secret"])) is not None
    (renewed,) = run("keys", "rotate", made["id"], "--overlap-hours", "0", "--gallery", folder, "--json")
    time.sleep(0.1)  # in which a service may not have looked yet
    assert known.verify(str(made["secret"])) is None
    assert known.verify(str(renewed["secret"])) is not None
    (revoked,) = run("keys", "revoke", renewed["id"], "--gallery", folder, "--json")
    assert revoked["revoked"] is not None
    time.sleep(0.1)
    assert known.verify(str(renewed["secret"])) is None
    known.close()


def test_the_journal_knows_who_made_keys(run: Run, folder: Path) -> None:
    from vultus.server.journal import Journal

    (made,) = run("keys", "create", "--role", "administrator", "--gallery", folder, "--json")
    with Journal(folder / ".vultus" / "journal.sqlite") as journal:
        (entry,) = journal.entries()
    assert (entry.actor, entry.action, entry.target) == ("command-line", "key.create", made["id"])


def test_tables_for_people_do_not_show_secrets(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made,) = run("keys", "create", "--role", "viewer", "--gallery", folder, "--json")
    with pytest.raises(json.JSONDecodeError):
        run("keys", "list", "--gallery", folder)
    assert str(made["secret"]) not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("create", "--role", "king"), InputError),
        (("create", "--role", "viewer", "--kind", "saml"), InputError),
        (("revoke", "nothing"), NotFoundError),
        (("rotate", "nothing"), NotFoundError),
    ],
)
def test_what_cannot_be(run: Run, folder: Path, arguments: tuple[str, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        run("keys", *arguments, "--gallery", folder)


def test_the_last_administrator_and_folders_that_are_none(run: Run, folder: Path) -> None:
    (made,) = run("keys", "create", "--role", "admin", "--gallery", folder, "--json")
    with pytest.raises(ConflictError):
        run("keys", "revoke", made["id"], "--gallery", folder)
    with pytest.raises(NotFoundError):
        run("keys", "list", "--gallery", folder / "none")


@pytest.mark.parametrize(
    "arguments",
    [("--host", "0.0.0.0"), ("--tls-cert", "only.pem"), ("--cors", "*"), ("--log-level", "loud"), ("--rate", "0")],
)
def test_what_is_not_served(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = tmp_path / "none"
    with pytest.raises(InputError):
        run("serve", "--gallery", folder, *arguments)
    assert not folder.exists()
