"""C2PA manifests: the document number and what was done, signed inside the PNG, for public readers.

Written and read by c2pa-python, the binding of the C2PA project's own library, without a network: no
time stamps from a server, no remote manifests, no look-ups of revocation.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Literal

from vultus.errors import InputError, MissingExtraError
from vultus.integrity.certificates import SELF_ISSUED
from vultus.integrity.keys import SigningKey
from vultus.integrity.needs import need

__all__ = ["LABEL", "Manifest", "embed_manifest", "read_manifest"]

LABEL = "org.vultus.document"  # the assertion with the document number
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_HARMLESS = "signingCredential.untrusted"  # a chain of one's own is told in `trusted`

State = Literal["valid", "invalid", "absent", "unreadable", "not read"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the C2PA manifest in a file says."""

    state: State  # "not read": c2pa-python is not installed
    label: str = ""
    doc_id: str = ""
    issuer: str = ""  # organisation in the certificate
    name: str = ""  # common name in it
    alg: str = ""
    trusted: bool = False  # the chain ends in a root that the reader was given
    problems: tuple[str, ...] = ()  # C2PA's own codes

    @property
    def self_issued(self) -> bool:
        return self.issuer == SELF_ISSUED


def embed_manifest(png: bytes, key: SigningKey, doc_id: str, *, title: str, version: str, mark: str | None) -> bytes:
    """The PNG with a signed manifest in it; its pixels stay as they are.

    title: name of the file. version: of vultus. mark: name of the mark in the picture.
    Refused: a key without certificates, a picture that the library does not take (InputError), c2pa-python
    missing (MissingExtraError).
    """
    c2pa = need("c2pa")
    if not key.chain:
        raise InputError(
            f"the key {key.id} has no certificates, which C2PA signs with; make one with vultus document key new"
        )
    actions = [{"action": "c2pa.created", "digitalSourceType": _SOURCE}, {"action": "c2pa.cropped"}]
    asked = {
        "claim_generator_info": [{"name": "vultus", "version": version}],
        "title": title,
        "format": "image/png",
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": actions}},
            {"label": LABEL, "data": {"doc_id": doc_id, "key_id": key.id, "mark": mark}},
        ],
    }
    alg = c2pa.C2paSigningAlg.ED25519 if key.alg == "Ed25519" else c2pa.C2paSigningAlg.ES256
    made = io.BytesIO()
    try:
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Signer.from_callback(key.sign, alg, key.chain) as signer,
            c2pa.Builder(asked, context) as builder,
        ):
            builder.sign(signer, "image/png", io.BytesIO(png), made)
    except c2pa.C2paError as error:
        raise InputError(f"the C2PA manifest could not be made ({' '.join(str(error).split())[:200]})") from error
    return made.getvalue()


def read_manifest(data: bytes, format: str, roots: str | None = None) -> Manifest:
    """The manifest in a picture file; whatever the file holds, an answer comes back.

    format: as `vultus.integrity.pixels.Exact` names it. roots: PEM of certificates that a trusted chain ends in.
    """
    try:
        c2pa = need("c2pa")
    except MissingExtraError:
        return Manifest("not read")
    kind = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff"}.get(format)
    if kind is None:
        return Manifest("absent")
    settings = {**_OFFLINE, **({} if roots is None else {"trust": {"user_anchors": roots}})}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
        ):
            found = json.loads(reader.json())
            state = reader.get_validation_state()
            results = (reader.get_validation_results() or {}).get("activeManifest") or {}
    except c2pa.C2paError as error:
        words = " ".join(str(error).split())[:200]
        return Manifest("absent") if words.startswith("ManifestNotFound") else Manifest("unreadable", problems=(words,))
    label = _shown(found.get("active_manifest"))
    active = (found.get("manifests") or {}).get(label) or {}
    signature = active.get("signature_info") or {}
    said = next((item.get("data") for item in active.get("assertions", ()) if item.get("label") == LABEL), None) or {}
    failures = [str(item.get("code")) for item in results.get("failure") or ()]
    return Manifest(
        "invalid" if state == "Invalid" else "valid",
        label,
        _shown(said.get("doc_id")),
        _shown(signature.get("issuer")),
        _shown(signature.get("common_name")),
        _shown(signature.get("alg")),
        state == "Trusted",
        tuple(code for code in failures if code != _HARMLESS),
    )


def _shown(value: object) -> str:
    """A stranger's word as it can be printed; empty where there is none."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value or "")[:200])
