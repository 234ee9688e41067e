from __future__ import annotations

import inspect
import threading
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from vultus.server import service as service_module
from vultus.server.auth import Caller, allow, public
from vultus.server.routes.v1 import router
from vultus.server.routes.v1.plain import plain

from .conftest import Serve, png

ROUTES = [route for route in router.routes if isinstance(route, APIRoute) and plain(route) is not None]


def test_what_needs_fastapi_is_left_to_it() -> None:
    other = APIRouter()

    @other.get("/number/{one}")
    async def number(one: int, caller: Annotated[Caller, allow("operator")]) -> Response:
        raise NotImplementedError

    @other.get("/needed")
    async def needed(word: str, caller: Annotated[Caller, allow("operator")]) -> Response:
        raise NotImplementedError

    @other.get("/model")
    async def model(caller: Annotated[Caller, allow("operator")]) -> dict[str, str]:
        raise NotImplementedError

    @other.get("/nobody")
    async def nobody(request: Request, caller: Annotated[Any, public()]) -> Response:
        raise NotImplementedError

    @other.post("/body")
    async def body(word: dict[str, str], caller: Annotated[Caller, allow("operator")]) -> Response:
        raise NotImplementedError

    assert [plain(route) for route in other.routes if isinstance(route, APIRoute)] == [None] * 5


def test_the_busy_routes_are_plain() -> None:
    assert {route.path for route in ROUTES} >= {
        "/v1/detect",
        "/v1/verify",
        "/v1/galleries/{gallery}/identify",
        "/v1/galleries/{gallery}/persons",
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_defaults_are_those_that_fastapi_gives(route: APIRoute) -> None:
    given = {field.name: field.default for field in route.dependant.query_params}
    parameters = inspect.signature(route.endpoint).parameters
    assert {name: parameters[name].default for name in given} == given


@pytest.mark.parametrize("path", ["/v1/detect?gate=low", "/v1/galleries/staff/identify?candidates=5&margin=0"])
def test_the_usual_said_and_unsaid_is_the_same(serve: Serve, path: str) -> None:
    served = serve()
    served.enroll("Ada")
    door = served.key("operator")
    said, unsaid = (
        door.post(asked, files={"image": ("one.png", png("Ada", "Bob", seed=1))}).json()
        for asked in (path, path.partition("?")[0])
    )
    assert said.pop("request_id") != unsaid.pop("request_id")
    assert said == unsaid
    assert len(said["faces"]) == 2


def test_a_small_gallery_is_searched_where_the_picture_was_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    served.enroll("Ada")
    gallery = served.service.gallery("staff")
    threads: list[str] = []
    search = gallery.identify_readings

    def watched(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread().name.rstrip("-_0123456789"))
        return search(*arguments, **options)

    monkeypatch.setattr(gallery, "identify_readings", watched)
    door = served.key("operator")

    def asked() -> Any:
        answer = door.post("/v1/galleries/staff/identify", files={"image": ("one.png", png("Ada", seed=1))})
        assert answer.status_code == 200
        return [(one["status"], one["candidates"]) for one in answer.json()["faces"]]

    first, small = asked(), asked()
    monkeypatch.setattr(service_module, "_QUICK", 0)
    large = asked()
    assert first == small == large
    assert first[0][0] == "match"
    assert threads[1:] == ["vultus-reader", "vultus-gallery"]


def test_what_the_search_refuses_is_answered(serve: Serve) -> None:
    served = serve()
    served.enroll("Ada")
    door = served.key("operator")
    files = {"image": ("two.png", png("Ada", "Bob", seed=1))}
    assert door.post("/v1/galleries/staff/identify", files=files).status_code == 200
    refused = door.post("/v1/galleries/staff/identify?faces=7", files=files)
    assert refused.status_code == 422, refused.text
    assert "7" in refused.json()["detail"]
    assert door.post("/v1/galleries/staff/identify", files=files).status_code == 200  # nobody waits for ever
