"""What the server gives to the browser, without one: files, headers, and what the scripts must not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import httpx
import pytest

from .conftest import desk_in

FILES = Path(str(resources.files("vultus.server.page") / "files"))
SCRIPTS = sorted(FILES.rglob("*.js"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with desk_in(tmp_path_factory.mktemp("galleries")) as desk, httpx.Client(base_url=desk.address) as made:
        yield made


def test_an_empty_server_shows_the_page_without_a_key(tmp_path: Path) -> None:
    with desk_in(tmp_path / "none") as desk:
        answer = httpx.get(desk.address)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>vultus</title>" in answer.text


def test_headers_let_the_browser_load_from_here_alone(client: httpx.Client) -> None:
    headers = client.get("/").headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == rules["form-action"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "camera=(self)" in headers["permissions-policy"]
    assert "set-cookie" not in headers


def test_files_come_with_their_type_and_are_not_sent_twice(client: httpx.Client) -> None:
    first = client.get("/page/main.js")
    again = client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    head = client.head("/page/base.css")

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/css; charset=utf-8", b"")


@pytest.mark.parametrize(
    "path",
    ["/page/", "/page/nothing.js", "/page/../../__init__.py", "/page/%2e%2e/__init__.py", "/page/..%2f..%2fkeys.py"],
)
def test_other_files_are_not_given(client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_page_holds_no_script_and_no_style_of_its_own() -> None:
    html = (FILES / "index.html").read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", html) == []
    # Everything is named, so that it is fetched side by side.
    named = re.findall(r'(?:src|href)="page/([^"]+)"', html)
    assert sorted(named) == sorted(
        str(path.relative_to(FILES)) for path in FILES.rglob("*.*") if path.name != "index.html"
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(FILES)))
def test_scripts_make_no_markup_from_text_and_load_nothing_from_elsewhere(script: Path) -> None:
    text = script.read_text()
    sinks = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc"
    )
    imported = re.findall(r'from "([^"]+)"', text)

    assert re.findall(sinks, text) == []
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"document\.cookie|localStorage\.\w+\(\s*KEY", text) == []
    assert all((script.parent / name).resolve().is_file() for name in imported)


def test_the_styles_load_nothing() -> None:
    assert [path.name for path in FILES.glob("*.css") if re.search(r"url\(|@import", path.read_text())] == []


def test_everything_that_the_page_needs_is_small(client: httpx.Client) -> None:
    assert sum(path.stat().st_size for path in FILES.rglob("*") if path.is_file()) < 250_000
