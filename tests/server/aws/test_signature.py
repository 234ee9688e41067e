"""Who may in: signatures, clocks, keys, roles, and bodies that cannot be read."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from vultus.server.keys import Created
from vultus.server.routes.aws.signature import claim, fresh, genuine
from vultus.server.routes.aws.wire import Fault
from vultus.server.run import Running

# The worked example of the public documentation of Signature Version 4 (service iam, GET), here for
# its signing key: 2015-08-30, us-east-1.
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def key(server: Running) -> Created:
    return server.service.keys.create("admin", kind="aws", label="signature")


def send(
    server: Running,
    key: Created,
    operation: str = "ListCollections",
    body: bytes = b"{}",
    *,
    secret: str | None = None,
    at: datetime | None = None,
    change: Callable[[dict[str, str]], None] = lambda headers: None,
    late: Callable[[dict[str, str]], None] = lambda headers: None,
    other: bytes | None = None,
    service: str = "rekognition",
) -> tuple[int, str, dict[str, Any]]:
    """Sign a request as botocore does, and send it byte by byte as said.

    change: the headers before they are signed. late: after. other: another body than the
    signed one. at: the time that the signature says.
    """
    place = urlsplit(server.address).netloc
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"RekognitionService.{operation}",
        "Host": place,
    }
    change(headers)
    request = AWSRequest("POST", f"{server.address}/", headers=headers, data=body)
    auth = SigV4Auth(Credentials(key.key.id, secret or key.secret), service, "us-east-1")
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    request.headers["Authorization"] = "".join(
        [
            "AWS4-HMAC-SHA256 ",
            f"Credential={key.key.id}/{stamp[:8]}/us-east-1/{service}/aws4_request, ",
            f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}, ",
            f"Signature={auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)}",
        ]
    )
    sent = dict(request.headers.items())
    late(sent)
    connection = http.client.HTTPConnection(place, timeout=20)
    try:
        connection.request("POST", "/", other if other is not None else body, sent)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status, said.get("__type", ""), said
    finally:
        connection.close()


def test_no_signature(server: Running) -> None:
    client = boto3.client(
        "rekognition", endpoint_url=server.address, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    with pytest.raises(ClientError) as refused:
        client.list_collections()
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_signature_as_it_should_be(server: Running, key: Created) -> None:
    assert send(server, key)[0] == 200


def test_the_documented_example_of_the_signing_key() -> None:
    from vultus.server.routes.aws import signature

    said = signature.Claim("AKIDEXAMPLE", "20150830", "us-east-1", (), "", "")
    # Published: the key for 20150830/us-east-1/iam begins with c4afb1cc; ours is for another service.
    assert signature._key(SECRET, said, "iam").hex() == (
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )


def test_a_wrong_secret(server: Running, key: Created) -> None:
    assert send(server, key, secret="not" + key.secret)[:2] == (400, "InvalidSignatureException")


def test_an_unknown_key(server: Running, key: Created, connect: Callable[..., Any]) -> None:
    from dataclasses import replace

    stranger = replace(key, key=replace(key.key, id="VKUNKNOWN"))
    assert send(server, stranger)[1] == "UnrecognizedClientException"


def test_a_revoked_key(server: Running) -> None:
    made = server.service.keys.create("viewer", kind="aws")
    assert send(server, made)[0] == 200
    server.service.keys.revoke(made.key.id)
    assert send(server, made)[1] == "UnrecognizedClientException"


def test_a_key_of_another_kind(server: Running) -> None:
    made = server.service.keys.create("viewer", kind="api")
    assert send(server, made)[1] == "UnrecognizedClientException"


def test_a_session_token_that_nobody_gave(server: Running, key: Created) -> None:
    def add(headers: dict[str, str]) -> None:
        headers["X-Amz-Security-Token"] = "token"

    assert send(server, key, change=add)[1] == "UnrecognizedClientException"


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24, 60 * 24])
def test_a_clock_that_is_off(server: Running, key: Created, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    status, code, said = send(server, key, at=at)
    assert (status, code) == (400, "InvalidSignatureException")
    assert "clock" in said["Message"]


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_nearly_right(server: Running, key: Created, minutes: int) -> None:
    assert send(server, key, at=datetime.now(UTC) + timedelta(minutes=minutes))[0] == 200


def test_the_bounds_of_the_clock() -> None:
    now = datetime(2026, 1, 2, 0, 2, tzinfo=UTC)
    for seconds in (-300, 0, 300):
        at = now + timedelta(seconds=seconds)
        fresh(_claim(at), now)
    for seconds in (-301, 301):
        with pytest.raises(Fault, match="clock"):
            fresh(_claim(now + timedelta(seconds=seconds)), now)


def _claim(at: datetime) -> Any:
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    text = f"AWS4-HMAC-SHA256 Credential=A/{stamp[:8]}/r/rekognition/aws4_request, SignedHeaders="
    text += f"content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
    return claim([(b"authorization", text.encode()), (b"x-amz-date", stamp.encode())])


def test_a_body_that_was_changed(server: Running, key: Created) -> None:
    assert send(server, key, body=b'{"MaxResults":1}', other=b'{"MaxResults":2}')[1] == "InvalidSignatureException"


def test_another_operation_under_the_same_signature(server: Running, key: Created) -> None:
    def swap(headers: dict[str, str]) -> None:
        headers["X-Amz-Target"] = "RekognitionService.DescribeCollection"

    assert send(server, key, late=swap)[1] == "InvalidSignatureException"


def test_another_date_under_the_same_signature(server: Running, key: Created) -> None:
    def move(headers: dict[str, str]) -> None:
        headers["X-Amz-Date"] = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")

    assert send(server, key, at=datetime.now(UTC) - timedelta(minutes=10), late=move)[1] == "InvalidSignatureException"


def test_another_host_under_the_same_signature(server: Running, key: Created) -> None:
    def rename(headers: dict[str, str]) -> None:
        headers["Host"] = "elsewhere.example"

    assert send(server, key, late=rename)[1] == "InvalidSignatureException"


def test_a_proxy_that_puts_its_own_host(server: Running, key: Created) -> None:
    """The client signed faces.example; a proxy passes it on in X-Forwarded-Host."""

    def outside(headers: dict[str, str]) -> None:
        headers["Host"] = "faces.example"

    def inside(headers: dict[str, str]) -> None:
        headers["Host"] = "127.0.0.1:8484"
        headers["X-Forwarded-Host"] = "faces.example"

    assert send(server, key, change=outside, late=inside)[0] == 200

    def with_port(headers: dict[str, str]) -> None:
        headers["Host"] = "faces.example:443"

    assert send(server, key, change=outside, late=with_port)[0] == 200


def test_a_payload_hash_that_is_another_bodys(server: Running, key: Created) -> None:
    def declare(headers: dict[str, str]) -> None:
        headers["X-Amz-Content-SHA256"] = hashlib.sha256(b"other").hexdigest()

    assert send(server, key, change=declare)[1] == "InvalidSignatureException"


@pytest.mark.parametrize("left_out", ["content-type", "host", "x-amz-date", "x-amz-target"])
def test_what_must_be_signed(left_out: str) -> None:
    names = ";".join(sorted({"content-type", "host", "x-amz-date", "x-amz-target"} - {left_out}))
    text = f"AWS4-HMAC-SHA256 Credential=A/20260101/r/rekognition/aws4_request, SignedHeaders={names}, Signature="
    with pytest.raises(Fault, match=left_out) as refused:
        claim([(b"authorization", (text + "0" * 64).encode())])
    assert refused.value.code == "InvalidSignatureException"


@pytest.mark.parametrize(
    "text",
    ["Bearer vk_1", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=A/2/r/s/t", "AWS4 " + "x" * 5000, "\xff\xfe"],
)
def test_what_is_no_signature(text: str) -> None:
    with pytest.raises(Fault) as refused:
        claim([(b"authorization", text.encode("latin-1"))])
    assert refused.value.code == "InvalidSignatureException"


def test_another_service(server: Running, key: Created) -> None:
    assert send(server, key, service="s3")[1] == "InvalidSignatureException"


def test_the_same_request_again_within_five_minutes(server: Running, key: Created) -> None:
    """Clients that try again within a second send the same bytes; what changes something has a token."""
    at = datetime.now(UTC)
    body = b'{"CollectionId":"replayed"}'
    assert send(server, key, "CreateCollection", body, at=at)[0] == 200
    assert send(server, key, "CreateCollection", body, at=at)[1] == "ResourceAlreadyExistsException"
    assert send(server, key, "DeleteCollection", body)[0] == 200


def test_genuine_agrees_with_botocore_for_any_query(key: Created) -> None:
    request = AWSRequest(
        "POST",
        "http://h.example/?b=2&a=%20x&a=1",
        headers={"Content-Type": "a  b", "X-Amz-Target": "t", "X-Amz-Date": "20260101T000000Z"},
        data=b"{}",
    )
    auth = SigV4Auth(Credentials("A", SECRET), "rekognition", "us-east-1")
    request.context["timestamp"] = "20260101T000000Z"
    # botocore takes the query as it stands; its own clients sort it before.
    request.url = "http://h.example/?a=%20x&a=1&b=2"
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    names = "content-type;host;x-amz-date;x-amz-target"
    text = f"AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/rekognition/aws4_request, SignedHeaders={names}, "
    headers = [
        (b"authorization", (text + f"Signature={signature}").encode()),
        (b"content-type", b"a  b"),
        (b"host", b"h.example"),
        (b"x-amz-date", b"20260101T000000Z"),
        (b"x-amz-target", b"t"),
    ]
    assert genuine(claim(headers), SECRET, method="POST", query="b=2&a=%20x&a=1", headers=headers, body=b"{}")
    assert not genuine(claim(headers), SECRET, method="POST", query="a=1&b=2", headers=headers, body=b"{}")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"MaxResults": "1"}', b'{"MaxResults": NaN}', b'{"MaxResults": 1.5}',
     b'{"NextToken": 1}', b"[" * 100_000],
)  # fmt: skip
def test_a_body_that_cannot_be_read(server: Running, key: Created, body: bytes) -> None:
    assert send(server, key, body=body)[:2] == (400, "SerializationException")


def test_an_operation_that_is_not_here(client: Any) -> None:
    with pytest.raises(ClientError) as refused:
        client.list_stream_processors()
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize("target", ["", "RekognitionService.", "RekognitionService.Nothing", "Other.ListCollections"])
def test_a_target_that_is_none(server: Running, key: Created, target: str) -> None:
    def aim(headers: dict[str, str]) -> None:
        headers["X-Amz-Target"] = target

    assert send(server, key, change=aim)[1] == "UnknownOperationException"


def test_too_long_a_body_without_pictures(server: Running, key: Created) -> None:
    body = b'{"NextToken":"' + b"x" * 2_000_000 + b'"}'
    assert send(server, key, body=body)[:2] == (400, "InvalidParameterException")


def test_a_body_that_only_pictures_may_have(server: Running, key: Created) -> None:
    body = b'{"Image":{"Bytes":"' + b"A" * 9_000_000 + b'"}}'
    assert send(server, key, "DetectFaces", body)[:2] == (400, "ImageTooLargeException")


ROLES = {
    "viewer": {"ListCollections"},
    "operator": {"ListCollections", "DetectFaces", "SearchFaces"},
    "enroller": {"ListCollections", "DetectFaces", "SearchFaces", "CreateUser", "DeleteFaces"},
    "admin": {"ListCollections", "DetectFaces", "SearchFaces", "CreateUser", "DeleteFaces", "CreateCollection"},
    "auditor": set(),
    "monitor": set(),
}


@pytest.mark.parametrize("role", ROLES)
def test_roles(server: Running, role: str) -> None:
    made = server.service.keys.create(role, kind="aws")
    # Empty requests: who may call is told what is missing, others are told that they may not.
    asked = sorted(ROLES["admin"])
    codes = {name: send(server, made, name)[1] for name in asked}
    assert {name for name in asked if codes[name] != "AccessDeniedException"} == ROLES[role]


def test_too_many_requests_are_throttled_and_boto3_tries_again(server: Running) -> None:
    made = server.service.keys.create("viewer", kind="aws", rate=2.0)
    codes = [send(server, made)[1] for _ in range(4)]
    assert codes[0] == ""
    assert codes[-1] == "ThrottlingException"
    patient = boto3.client(
        "rekognition",
        endpoint_url=server.address,
        region_name="us-east-1",
        aws_access_key_id=made.key.id,
        aws_secret_access_key=made.secret,
        config=Config(retries={"total_max_attempts": 6, "mode": "standard"}),
    )
    assert patient.list_collections()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_wrong_keys_from_one_address_are_slowed_down(tmp_path: Any) -> None:
    from vultus.server.run import running
    from vultus.server.settings import Settings
    from vultus.testing import Analyzer, Thresholds

    analyzer = Analyzer()
    with running(Settings(tmp_path / "root", port=0), analyzer, Thresholds(analyzer.contract)) as own:
        made = own.service.keys.create("viewer", kind="aws")
        codes = [send(own, made, secret="wrong")[1] for _ in range(60)]
        assert codes[0] == "InvalidSignatureException"
        assert codes[-1] == "ThrottlingException"
        assert send(own, made)[0] == 200  # the right key is let in all the same
