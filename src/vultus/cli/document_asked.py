"""Options and files that the commands of `vultus document` share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.errors import ImageTooLargeError, InputError, NotFoundError

if TYPE_CHECKING:
    from vultus.integrity.checking import Checked
    from vultus.integrity.keys import SigningKey
    from vultus.integrity.secret import MarkKey
    from vultus.integrity.signing import Trust

__all__ = [
    "DocIdOption",
    "KeyOption",
    "MarkKeyOption",
    "PassphraseFileOption",
    "PubOption",
    "TrustOption",
    "VsigOption",
    "checked",
    "mark_key_for",
    "new_passphrase",
    "read_file",
    "signing_key",
    "trust_in",
]

PASSPHRASE = "VULTUS_DOCUMENT_PASSPHRASE"

KeyOption = Annotated[Path, typer.Option("--key", help="The issuer's private key, NAME.pem.")]
MarkKeyOption = Annotated[
    Path | None, typer.Option("--key", help="The mark key, NAME.mark; else marks are not looked for.")
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help=f"Its first line is the key's passphrase; else {PASSPHRASE}, else you are asked."
    ),
]
PubOption = Annotated[
    Path | None,
    typer.Option("--pub", help="The issuer's public key, NAME.pub; with --trust, the key that signed the list."),
]
TrustOption = Annotated[Path | None, typer.Option("--trust", help="A trust list; see vultus document key trust.")]
VsigOption = Annotated[
    Path | None, typer.Option("--vsig", help="The signature file.", show_default="the picture's name with .vsig added")
]
DocIdOption = Annotated[str | None, typer.Option("--doc-id", help="Document number that the photo must have.")]


def read_file(path: Path) -> bytes:
    """A picture's bytes. Refused: none (NotFoundError), too large (ImageTooLargeError), unreadable (InputError)."""
    from vultus.images import Limits

    limit = Limits().bytes
    try:
        if not path.is_file():
            raise NotFoundError(f"{path}: there is no such file; check the path")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: it cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > limit:
        raise ImageTooLargeError(f"{path}: expected at most {limit} bytes")
    return data


def signing_key(path: Path, passphrase_file: Path | None) -> SigningKey:
    """The private key, with its passphrase where it has one."""
    from vultus.integrity.keeping import read_key_file
    from vultus.integrity.keys import read_signing_key

    passphrase = None
    if b"ENCRYPTED PRIVATE KEY" in read_key_file(path, "the private key"):
        passphrase = _passphrase(passphrase_file, confirm=False)
        if passphrase is None:
            raise InputError(f"{path}: the private key is encrypted; give --passphrase-file or set {PASSPHRASE}")
    return read_signing_key(path, passphrase)


def new_passphrase(passphrase_file: Path | None, ask: bool) -> str | None:
    """The passphrase for a new key: from the file, the environment, or asked for twice; None where none is wanted."""
    if passphrase_file is None and not ask and not os.environ.get(PASSPHRASE):
        return None
    found = _passphrase(passphrase_file, confirm=True)
    if found is None:
        raise InputError(
            f"expected a passphrase, and there is nobody to ask; give --passphrase-file or set {PASSPHRASE}"
        )
    return found


def mark_key_for(key: Path, named: Path | None) -> MarkKey:
    """The mark key that was named, or the one beside the private key."""
    from vultus.integrity.secret import read_mark_key

    if named is None and not key.with_suffix(".mark").is_file():
        raise NotFoundError(
            f"{key.with_suffix('.mark')}: expected the mark key here; name it with --mark-key, or --no-mark"
        )
    return read_mark_key(named or key.with_suffix(".mark"))


def trust_in(pub: Path | None, trust: Path | None) -> Trust | None:
    """Whose signatures count; None where no key was named."""
    from vultus.integrity.keys import read_public_key
    from vultus.integrity.trust import OneKey, read_trust

    public = None if pub is None else read_public_key(pub)
    if trust is None:
        return None if public is None else OneKey(public)
    return read_trust(trust, public)


def checked(
    image: Path,
    pub: Path | None,
    trust: Path | None,
    vsig: Path | None,
    key: Path | None,
    doc_id: str | None,
    mark: str | None = None,
) -> Checked:
    """A picture file with everything that the options name for its check."""
    from vultus.integrity.checking import check
    from vultus.integrity.issuing import vsig_path
    from vultus.integrity.keeping import read_key_file
    from vultus.integrity.secret import checked_doc_id, read_mark_key

    if pub is None and trust is None and key is None:
        raise InputError(
            "expected a key to check with: --pub or --trust for the signature, --key for the mark, or both"
        )
    if doc_id is not None:
        checked_doc_id(doc_id)
    named = vsig is not None
    place = vsig if vsig is not None else vsig_path(image)
    signature = read_key_file(place, "the signature", secret=False) if named or place.is_file() else None
    mark_key = None if key is None else read_mark_key(key)
    data = read_file(image)
    try:
        return check(data, signature, trust=trust_in(pub, trust), mark_key=mark_key, doc_id=doc_id, mark=mark)
    except InputError as error:
        raise type(error)(f"{image}: {error}") from None


def _passphrase(file: Path | None, *, confirm: bool) -> str | None:
    from vultus.integrity.keeping import read_key_file

    if file is not None:
        lines = read_key_file(file, "the passphrase").decode("utf-8", "replace").splitlines()
        if not lines or not lines[0]:
            raise InputError(f"{file}: expected a passphrase in its first line, got nothing")
        return lines[0]
    if found := os.environ.get(PASSPHRASE):
        return found
    if not sys.stdin.isatty():
        return None
    return str(typer.prompt("passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
