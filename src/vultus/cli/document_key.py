"""`vultus document key`: keys of issuers, and whom to trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.document_asked import PassphraseFileOption, PubOption, new_passphrase, signing_key
from vultus.cli.output import console, print_json, table, warn
from vultus.errors import ConflictError, InputError

if TYPE_CHECKING:
    from vultus.integrity.keys import SigningKey
    from vultus.integrity.signing import Trusted
    from vultus.integrity.trust import TrustList

__all__ = ["add_to"]

_ENDINGS = (".pem", ".pub", ".mark")

ListArgument = Annotated[Path, typer.Argument(metavar="LIST", help="The trust list, a JSON file.")]
SignerOption = Annotated[
    Path | None,
    typer.Option("--sign-with", help="The private key that signs the list; keep it apart from the issuers'."),
]
AlgOption = Annotated[str, typer.Option("--alg", help="Ed25519, or ES256 (ECDSA on P-256).")]
AskOption = Annotated[bool, typer.Option("--passphrase", help="Ask for a passphrase to encrypt the private key with.")]

key_app = typer.Typer(no_args_is_help=True, help="Keys of issuers: make, renew, trust, revoke.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(key_app, name="key")


@key_app.command("new")
def new(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Path of the key without an ending; its last part names the issuer.")
    ],
    alg: AlgOption = "Ed25519",
    passphrase: AskOption = False,
    passphrase_file: PassphraseFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Make NAME.pem (private), NAME.pub (for those who check) and NAME.mark (for those who check marks)."""
    _show_key(_made(name, alg, new_passphrase(passphrase_file, passphrase)), name, json=json)


@key_app.command("trust")
def trust(
    known: ListArgument,
    pub: Annotated[Path | None, typer.Argument(metavar="[PUB]", help="A public key to take into the list.")] = None,
    sign_with: SignerOption = None,
    name: Annotated[str, typer.Option("--name", help="Whose key it is.")] = "",
    days: Annotated[float | None, typer.Option("--days", help="The key may sign for so long.", min=0.001)] = None,
    revoke: Annotated[
        str | None, typer.Option("--revoke", help="Id of a key that was lost or stolen: nothing of it counts any more.")
    ] = None,
    retire: Annotated[
        str | None, typer.Option("--retire", help="Id of a key that signs no more: what it signed goes on to count.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it is revoked; stands in the list.")] = "",
    passphrase_file: PassphraseFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Take a key into a trust list, end its time, or revoke it; the list is made if need be, and signed anew."""
    from vultus.integrity.keys import read_public_key

    if sum(item is not None for item in (pub, revoke, retire)) != 1:
        raise InputError("expected one of PUB, --revoke ID and --retire ID")
    if sign_with is None:
        raise InputError("expected the private key that signs the list: --sign-with NAME.pem")
    signer = signing_key(sign_with, passphrase_file)
    found = _opened(known, signer)
    now = datetime.now(UTC)
    if pub is not None:
        until = None if days is None else now + timedelta(days=days)
        found = found.with_key(read_public_key(pub), name=name or pub.stem, valid_until=until)
    elif revoke is not None:
        found = found.without_trust_in(revoke, reason, now)
    elif retire is not None:
        found = found.retired(retire, now)
    _show_list(found.write(known, signer), json=json)


@key_app.command("rotate")
def rotate(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The private key that is to be replaced, OLD.pem.")],
    name: Annotated[Path, typer.Argument(metavar="NAME", help="Path of the new key without an ending.")],
    known: Annotated[Path, typer.Option("--trust", help="The trust list that both stand in.")],
    sign_with: SignerOption = None,
    alg: AlgOption = "Ed25519",
    overlap_hours: Annotated[float, typer.Option("--overlap-hours", help="Both may sign for so long.", min=0)] = 24.0,
    passphrase: AskOption = False,
    passphrase_file: PassphraseFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Make a new key, take it into the trust list, and end the time of the old one. Photos signed before stay good."""
    before = signing_key(old, passphrase_file)
    signer = before if sign_with is None else signing_key(sign_with, passphrase_file)
    found = _opened(known, signer)
    if (entry := found.find(before.id)) is None:
        raise InputError(
            f"{known}: the key {before.id} is not in the trust list; take it in with vultus document key trust"
        )
    if entry.revoked is not None:
        raise ConflictError(f"{known}: the key {before.id} is revoked; make a new one with vultus document key new")
    made = _made(name, alg, new_passphrase(passphrase_file, passphrase))
    now = datetime.now(UTC)
    found = found.with_key(made.public, name=name.stem, valid_from=now)
    found = found.retired(before.id, now + timedelta(hours=overlap_hours)).write(known, signer)
    _show_key(made, name, json=json)
    if not json:
        _show_list(found, json=False)


@key_app.command("list")
def list_(known: ListArgument, pub: PubOption = None, json: options.JsonOption = False) -> None:
    """The keys of a trust list. With --pub the list must be signed by that key."""
    from vultus.integrity.keys import read_public_key
    from vultus.integrity.trust import read_trust

    found = read_trust(known, None if pub is None else read_public_key(pub))
    _show_list(found, json=json)
    if not found.pinned:
        warn("the list vouches for itself; name the key that must have signed it with --pub")


def _made(name: Path, alg: str, passphrase: str | None) -> SigningKey:
    from vultus.integrity.keys import new_signing_key
    from vultus.integrity.secret import new_mark_key

    for ending in _ENDINGS:
        if _beside(name, ending).exists():
            raise ConflictError(f"{_beside(name, ending)}: expected a new name; a key is never replaced")
    made = new_signing_key(_beside(name, ".pem"), alg=alg, name=_beside(name, "").name, passphrase=passphrase)
    new_mark_key(_beside(name, ".mark"))
    return made


def _opened(path: Path, signer: SigningKey) -> TrustList:
    from vultus.integrity.trust import TrustList, read_trust

    return read_trust(path, signer.public) if path.exists() else TrustList()


def _beside(name: Path, ending: str) -> Path:
    """NAME with an ending; one that was typed along is taken for what it is."""
    stem = name.with_suffix("") if name.suffix in _ENDINGS else name
    return stem.with_name(stem.name + ending)


def _show_key(made: SigningKey, name: Path, *, json: bool) -> None:
    from vultus.integrity.secret import read_mark_key

    files = {what: _beside(name, ending) for what, ending in (("key", ".pem"), ("pub", ".pub"), ("mark_key", ".mark"))}
    if json:
        print_json({"key_id": made.id, "alg": made.alg, **files, "mark_key_id": read_mark_key(files["mark_key"]).id})
        return
    console().print(f"key [bold]{made.id}[/] ({made.alg})", soft_wrap=True)
    console().print(f"  {files['key']}: private, keep it where photos are issued", soft_wrap=True)
    console().print(f"  {files['pub']}: public, give it to whoever checks", soft_wrap=True)
    console().print(f"  {files['mark_key']}: secret, for whoever checks marks; it can also make them", soft_wrap=True)
    console().print("its C2PA certificates are self-issued, not on the C2PA trust list", soft_wrap=True)


def _show_list(known: TrustList, *, json: bool) -> None:
    if json:
        print_json(
            {
                "serial": known.serial,
                "updated": known.updated,
                "signer": known.signer,
                "pinned": known.pinned,
                "keys": [_fields(key) for key in known.keys],
            }
        )
        return
    rows = (
        (
            key.public.id,
            key.name,
            key.public.alg,
            (key.valid_from or "")[:16],
            f"revoked {key.revoked[:16]}: {key.reason}" if key.revoked else (key.valid_until or "")[:16],
        )
        for key in known.keys
    )
    table(f"trust list {known.serial}, signed by {known.signer}", ("id!", "name", "algorithm", "from", "until"), rows)


def _fields(key: Trusted) -> dict[str, Any]:
    return {
        "key_id": key.public.id,
        "alg": key.public.alg,
        "name": key.name,
        "valid_from": key.valid_from,
        "valid_until": key.valid_until,
        "revoked": key.revoked,
        "reason": key.reason,
    }
