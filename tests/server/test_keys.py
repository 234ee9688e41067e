from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vultus.errors import ConflictError, InputError, NotFoundError, StorageError
from vultus.server.keys import ROLES, Keys, covers, parse_role, server_secret


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.sqlite", bytes(range(32)))


def test_without_keys_nobody_is_verified(keys: Keys) -> None:
    assert keys.list() == ()
    assert keys.verify("") is None
    assert keys.verify("vk_0123456789abcdef_secret") is None


def test_a_key_is_verified_by_its_secret_alone(keys: Keys) -> None:
    made = keys.create("operator", galleries=("staff", "visitors"), label="door")
    found = keys.verify(made.secret)
    assert found is not None
    assert (found.id, found.role, found.galleries, found.label) == (
        made.key.id,
        "operator",
        ("staff", "visitors"),
        "door",
    )
    assert found.may("staff")
    assert not found.may("vip")
    assert keys.verify(made.secret + "x") is None
    assert keys.verify(made.key.id) is None


def test_secrets_are_not_on_the_disk(keys: Keys, tmp_path: Path) -> None:
    secrets = [keys.create("admin", kind=kind).secret for kind in ("api", "aws", "compreface")]
    keys.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert stored
    assert [secret for secret in secrets if secret.encode() in stored] == []
    assert all((path.stat().st_mode & 0o077) == 0 for path in tmp_path.iterdir())


def test_the_digest_needs_the_servers_secret(tmp_path: Path) -> None:
    first = Keys(tmp_path / "keys.sqlite", bytes(32))
    made = first.create("admin")
    other = Keys(tmp_path / "keys.sqlite", bytes([1] * 32))
    assert first.verify(made.secret) is not None
    assert other.verify(made.secret) is None


def test_revocation_is_seen_within_a_tenth_of_a_second_by_another_process_s_view(tmp_path: Path) -> None:
    server, command_line = (Keys(tmp_path / "keys.sqlite", bytes(32)) for _ in range(2))
    server.create("admin")
    made = command_line.create("viewer")
    assert server.verify(made.secret) is not None
    command_line.revoke(made.key.id)
    assert command_line.verify(made.secret) is None
    time.sleep(0.1)
    assert server.verify(made.secret) is None


def test_expiry(keys: Keys) -> None:
    past = keys.create("viewer", expires=datetime.now(UTC) - timedelta(seconds=2))
    future = keys.create("viewer", expires=datetime.now(UTC) + timedelta(hours=1))
    assert keys.verify(past.secret) is None
    assert keys.verify(future.secret) is not None


def test_rotation_overlaps(keys: Keys) -> None:
    old = keys.create("enroller", galleries=("staff",), label="desk", rate=3)
    new = keys.rotate(old.key.id, overlap=timedelta(hours=1))
    assert new.key.id != old.key.id
    assert (new.key.role, new.key.galleries, new.key.label, new.key.rate) == ("enroller", ("staff",), "desk", 3)
    assert keys.verify(old.secret) is not None
    newest = keys.rotate(new.key.id)
    assert keys.verify(new.secret) is None
    assert keys.verify(newest.secret) is not None
    with pytest.raises(ConflictError):
        keys.rotate(new.key.id)


def test_the_last_administrator_stays(keys: Keys) -> None:
    first = keys.create("admin")
    keys.create("enroller")
    keys.create("admin", expires=datetime.now(UTC) - timedelta(seconds=2))  # cannot help any more
    with pytest.raises(ConflictError, match="another administrator"):
        keys.revoke(first.key.id)
    second = keys.create("admin")
    assert keys.revoke(first.key.id).revoked is not None
    assert keys.verify(second.secret) is not None


def test_last_use_is_shown_before_and_after_it_is_written(keys: Keys, tmp_path: Path) -> None:
    made = keys.create("viewer")
    assert keys.get(made.key.id).last_used is None
    keys.verify(made.secret)
    assert keys.get(made.key.id).last_used is not None
    keys.close()
    again = Keys(tmp_path / "keys.sqlite", bytes(range(32)))
    assert again.get(made.key.id).last_used is not None


def test_an_aws_key_gives_its_secret_to_the_server_only(keys: Keys) -> None:
    made = keys.create("operator", kind="aws")
    assert len(made.key.id) == 20
    assert len(made.secret) == 40
    assert keys.verify(made.secret) is None  # it is never sent, so nobody may send it
    found = keys.secret(made.key.id)
    assert found is not None
    assert found[1] == made.secret
    assert keys.secret("VKNOBODY") is None
    keys.create("admin")
    keys.revoke(made.key.id)
    assert keys.secret(made.key.id) is None


def test_a_compreface_key_is_a_uuid(keys: Keys) -> None:
    import uuid

    made = keys.create("operator", kind="compreface", galleries=("staff",))
    assert uuid.UUID(made.secret).version == 4
    found = keys.verify(made.secret)
    assert found is not None
    assert found.kind == "compreface"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"role": "king"}, InputError),
        ({"role": "viewer", "kind": "saml"}, InputError),
        ({"role": "viewer", "galleries": ()}, InputError),
        ({"role": "viewer", "rate": 0.0}, InputError),
        ({"role": "viewer", "upload_bytes": -1}, InputError),
        ({"role": "viewer", "label": "x" * 201}, InputError),
        ({"role": "viewer", "expires": datetime(2030, 1, 1)}, InputError),
    ],
)
def test_what_cannot_be_a_key(keys: Keys, options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        keys.create(**options)  # type: ignore[arg-type]
    assert keys.list() == ()


def test_unknown_ids(keys: Keys) -> None:
    for verb in (keys.get, keys.revoke, keys.rotate):
        with pytest.raises(NotFoundError):
            verb("0123456789abcdef")


def test_threads_share_the_keys(keys: Keys) -> None:
    made = keys.create("viewer")
    wrong: list[object] = []

    def work() -> None:
        for _ in range(50):
            if keys.verify(made.secret) is None:
                wrong.append("refused")
            keys.create("viewer")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(keys.list()) == 201


def test_roles_climb_a_ladder_and_two_stand_beside_it() -> None:
    table = {role: {needed for needed in ROLES if covers(role, needed)} for role in ROLES}
    assert table == {
        "viewer": {"viewer"},
        "operator": {"viewer", "operator"},
        "enroller": {"viewer", "operator", "enroller"},
        "admin": set(ROLES),
        "auditor": {"auditor"},
        "monitor": {"monitor"},
    }
    assert parse_role("administrator") == "admin"


def test_the_servers_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "server.key"
    made = server_secret(path)
    assert len(made) == 32
    assert server_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(StorageError, match="expected 32 bytes"):
        server_secret(path)
