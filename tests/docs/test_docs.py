"""The documentation builds without a warning, is whole, works offline, and says what is so."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import vultus
from vultus import registry
from vultus.demo import PEOPLE, PROBES, fetch_photograph
from vultus.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(?:bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def module(name: str) -> ModuleType:
    """A module of the docs folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"vultus_docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


class Page(HTMLParser):
    """The addresses and anchors of a built page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []  # what a reader may follow
        self.assets: list[str] = []  # what a browser fetches by itself
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values:
            self.assets.append(values["href"])
        elif "src" in values:
            self.assets.append(values["src"])


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    return site, subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def site(build: tuple[Path, subprocess.CompletedProcess[str]]) -> dict[str, Page]:
    """The built pages by their place in the site."""
    folder = build[0]
    pages = {str(path.relative_to(folder)): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    assert len(pages) > len(PAGES) / 2
    return pages


def text_of(build: tuple[Path, subprocess.CompletedProcess[str]], page: str) -> str:
    return (build[0] / page).read_text(encoding="utf-8")


def test_builds_strictly(build: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    done = build[1]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_page_is_built_and_no_script_comes_along(build: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder = build[0]
    wanted = {str(page.relative_to(DOCS).with_suffix(".html")) for page in PAGES}
    built = {str(path.relative_to(folder)) for path in folder.rglob("*.html")}
    assert built - {"404.html", "search.html"} == wanted
    assert list(folder.rglob("*.py")) == []


def test_works_without_a_network(build: tuple[Path, subprocess.CompletedProcess[str]], site: dict[str, Page]) -> None:
    assets = [asset for page in site.values() for asset in page.assets]
    assert len(assets) > len(PAGES)
    assert [asset for asset in assets if urlsplit(asset).netloc] == []
    styles = [path.read_text(encoding="utf-8") for path in build[0].rglob("*.css")]
    assert styles
    assert [
        found for style in styles for found in re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//\S*", style)
    ] == []


def test_every_link_leads_somewhere(
    build: tuple[Path, subprocess.CompletedProcess[str]], site: dict[str, Page]
) -> None:
    folder = build[0]
    broken, seen = [], 0
    for name, page in site.items():
        if name == "404.html":  # is shown at any address, so its links begin at the root
            continue
        for link in page.links + page.assets:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            seen += 1
            target = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
            place = target.resolve()
            if not place.is_file():
                broken.append(f"{name}: {link}")
            elif parts.fragment and place.suffix == ".html":
                ids = site[str(place.relative_to(folder.resolve()))].ids
                if unquote(parts.fragment) not in ids:
                    broken.append(f"{name}: {link}")
    assert seen > 100
    assert broken == []


def test_reference_has_every_public_name(site: dict[str, Page]) -> None:
    ids = site["reference/python.html"].ids
    assert [name for name in vultus.__all__ if f"vultus.{name}" not in ids] == []


def test_reference_has_every_command_and_option(build: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    page = text_of(build, "reference/cli.html")
    commands = [(words, command) for words, command in module("hooks").commands() if not hasattr(command, "commands")]
    assert len(commands) > 20
    assert [" ".join(words) for words, _ in commands if f">{' '.join(words)}<" not in page] == []
    options = {name for _, command in commands for item in command.params for name in item.opts if name[0] == "-"}
    assert [name for name in sorted(options) if f"<code>{name}</code>" not in page] == []


def test_every_model_has_its_row(build: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    page = text_of(build, "concepts/models-and-licences.html")
    cards = registry.cards()
    assert cards
    assert [card.name for card in cards if f"<code>{card.name}</code>" not in page] == []
    hashes = {source.sha256 for card in cards for source in registry.sources(card)}
    assert [sha256 for sha256 in sorted(hashes) if sha256 not in page] == []


def test_every_gate_is_in_the_table(build: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    from vultus.models.quality import GATES

    page = text_of(build, "concepts/quality.html")
    assert [level for level in GATES if f"<th>{level}</th>" not in page] == []


def test_every_variable_of_the_environment_is_told() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path(vultus.__file__).parent.rglob("*.py"))
    variables = set(re.findall(r"\bVULTUS_[A-Z_]+\b", sources))
    assert "VULTUS_MODELS" in variables
    page = (DOCS / "reference" / "environment.md").read_text(encoding="utf-8")
    assert [name for name in sorted(variables) if f"`{name}`" not in page] == []


def test_unknown_marker_stops_the_build() -> None:
    from mkdocs.exceptions import PluginError

    hooks = module("hooks")
    assert hooks.on_page_markdown("") == ""
    with pytest.raises(PluginError, match="nobody"):
        hooks.on_page_markdown("<!-- made: nobody -->")


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every `vultus …` line of the pages and the README, with where it stands."""
    for path in [*PAGES, ROOT / "README.md"]:
        for block in BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                bare = line.removeprefix("$ ")
                if bare.startswith("vultus ") and (line != bare or "```console" not in block):
                    words = shlex.split(re.split(r" [|>] ", bare)[0], comments=True)
                    yield str(path.relative_to(ROOT)), words[1:]


def test_every_command_line_of_the_pages_is_understood() -> None:
    tree = dict(module("hooks").commands())
    wrong, seen = [], 0
    for where, words in command_lines():
        seen += 1
        name: tuple[str, ...] = ("vultus",)
        rest = words
        while rest and (*name, rest[0]) in tree:
            name, rest = (*name, rest[0]), rest[1:]
        if hasattr(tree[name], "commands"):
            wrong.append(f"{where}: no command {' '.join(words)}")
            continue
        try:
            tree[name].make_context(" ".join(name), list(rest))
        except Exception as error:  # noqa: BLE001 - Typer's own copy of click has no public base class
            wrong.append(f"{where}: vultus {' '.join(words)}: {error}")
    assert seen > 50
    assert wrong == []


def test_no_path_of_the_machine_that_made_the_pages() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in [*PAGES, *DOCS.rglob("*.svg")]}
    assert texts
    assert [
        path.name for path, text in texts.items() if re.search(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", text)
    ] == []


def test_pictures_are_small_used_and_those_of_the_code() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 200_000] == []
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert [path.name for path in pictures if f"pictures/{path.name}" not in pages] == []
    for name, text in module("make_pictures").curves().items():
        committed = (DOCS / "pictures" / name).read_text(encoding="utf-8")
        assert committed == text, f"{name} is not that of the shipped thresholds: run python docs/make_pictures.py"


@pytest.mark.parametrize("name", ["docstrings", "outputs"])
def test_examples_in_the_scripts(name: str) -> None:
    done = doctest.testmod(module(name))
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.weights
@pytest.mark.usefixtures("analyzer")
def test_python_page_runs_as_it_stands(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "use-from-python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    command = [sys.executable, "-W", "error", "-c", "\n".join(blocks)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 0, done.stderr
    assert "match Eileen Collins" in done.stdout
    assert "['Ada', None]" in done.stdout


@pytest.fixture(scope="module")
def photographs() -> None:
    """The demonstration's photographs, fetched once."""
    try:
        for photograph in (*PEOPLE, *PROBES):
            fetch_photograph(photograph)
    except WeightsError as error:
        pytest.skip(f"the demonstration's photographs are not to be had: {error}")


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.usefixtures("analyzer", "photographs")
@pytest.mark.parametrize(
    "page", [str(page.relative_to(DOCS)) for page in PAGES if "```console" in page.read_text(encoding="utf-8")]
)
def test_commands_print_what_the_page_says(page: str, tmp_path: Path) -> None:
    outputs = module("outputs")
    outputs.prepare(tmp_path)
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [step for step in outputs.steps(text) if step.shown]

    assert outputs.differences(text, tmp_path) == [], f"python docs/outputs.py --renew docs/{page}"
