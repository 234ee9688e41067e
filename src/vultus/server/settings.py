"""What a server is told when it starts, with the bounds that keep one client from stalling the others."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path

from vultus.errors import InputError

__all__ = ["LOOPBACK", "STATE", "Settings"]

STATE = ".vultus"  # folder within the root for keys, journal and jobs; galleries cannot have this name
MIB = 2**20
LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve a folder of galleries. Refused (InputError): bounds that are not above zero.

    >>> from pathlib import Path
    >>> Settings(Path("galleries")).exposed, Settings(Path("galleries"), host="0.0.0.0").exposed
    (False, True)
    """

    root: Path  # folder of galleries, or one gallery
    host: str = "127.0.0.1"
    port: int = 8484  # 0: any free one
    # One picture, one request, one film.
    upload_bytes: int = 20 * MIB  # of one picture
    pixels: int = 24_000_000  # of one picture
    faces: int = 100  # of one picture; the largest are kept
    pictures: int = 32  # in one request
    cluster_pictures: int = 2000  # in one request to sort faces
    request_bytes: int = 64 * MIB  # of a body with pictures
    video_bytes: int = 512 * MIB
    json_bytes: int = MIB  # of a body without pictures
    held_bytes: int = 512 * MIB  # of all bodies that are being received or worked on
    # How long a client may keep us waiting, seconds.
    head_seconds: float = 10.0  # for the lines before the body
    idle_seconds: float = 10.0  # between two pieces of the body, or of our answer
    body_seconds: float = 60.0  # for the whole body
    video_seconds: float = 600.0  # for the whole body of a film
    job_seconds: float = 3600.0  # that a job may take
    grace_seconds: float = 30.0  # for what was accepted, when the server is stopped
    connections: int = 2000
    idle_per_address: int = 100  # connections without a request, of one address; 0: no bound
    proxies: tuple[str, ...] = LOOPBACK  # networks for which that does not hold: everybody's connections come from them
    # How much one key may ask.
    rate: float = 50.0  # requests a second of one key
    burst: int = 200  # requests at once of one key, before the rate holds
    queue: int = 64  # pictures of one key that may wait; four times as many of all keys together
    window_ms: float = 4.0  # for which requests are gathered to be analysed together
    # What is told outside.
    score_floor: bool = True  # no similarity below the operating threshold
    score_decimals: int = 2
    probes_per_person: int = 100  # telling answers about one person for one key an hour; 0: no bound
    require_live: bool = False  # faces that are enrolled, searched or compared must be taken for living ones
    challenges: int = 60  # live checks that one key may ask for in an hour
    expressions: bool = True  # the expression that faces show may be asked for
    fetch_urls: bool = False  # pictures by address
    key_file: Path | None = None  # the server's own secret; None: beside the galleries
    master_key: Path | None = None  # file of the key that seals galleries; None: as the environment says
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cors: tuple[str, ...] = ()  # origins whose pages may call
    insecure: bool = False  # serve beyond this machine without TLS

    def __post_init__(self) -> None:
        may_be_zero = {"port", "window_ms", "score_decimals", "probes_per_person", "grace_seconds", "idle_per_address"}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if not (value >= 0 if item.name in may_be_zero else value > 0):
                raise InputError(f"expected {item.name} above zero, got {value}")
        if self.port > 65535:
            raise InputError(f"expected a port up to 65535, got {self.port}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InputError("expected both files of TLS, the certificate and its key, got one")
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise InputError(f"expected a proxy's address or network, such as 10.0.0.0/8 ({error})") from error
        if "*" in self.cors:
            raise InputError("expected the origins that may call, got *; name each, such as https://desk.example")

    @property
    def state(self) -> Path:
        """Folder of the server's own files."""
        return self.root / STATE

    @property
    def exposed(self) -> bool:
        """Others than this machine can reach the address."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True  # a name: it may be anybody's

    def check_exposure(self) -> None:
        """Refuse (InputError) to send keys and faces in clear through a network, unless told to."""
        if self.exposed and self.tls_cert is None and not self.insecure:
            raise InputError(
                f"expected TLS files to serve {self.host}, since keys and pictures would pass in clear: give "
                "--tls-cert and --tls-key, or serve 127.0.0.1 behind a proxy, or say --insecure"
            )
