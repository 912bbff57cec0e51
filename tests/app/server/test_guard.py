"""Nothing is answered without the token, from another site, or under another name."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from cryohype_app.server.guard import Guard

TOKEN = "a-token-that-nobody-guesses"
COOKIE = "cryohype-8050"
HOST = "localhost:8050"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client() -> TestClient:
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("here")
        await socket.close()

    async def page(request: object) -> PlainTextResponse:
        return PlainTextResponse("a secret page")

    routes = [Route("/explore", page, methods=["GET", "POST"]), WebSocketRoute("/ws", echo), Mount("/static", page)]
    app = Guard(Starlette(routes=routes), TOKEN, frozenset({"localhost:*", "gpu.example:8443"}))
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


@pytest.mark.parametrize("path", ["/explore", "/static/js/bokeh.min.js", "/nothing", "/explore?token=wrong", "/explore?token="])
def test_without_the_token_nothing_is_told(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "secret" not in answer.text
    assert "set-cookie" not in answer.headers


def test_the_address_with_the_token_opens_the_page_and_hides_it(client: TestClient) -> None:
    answer = client.get(f"/explore?run=7&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/explore?run=7"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/explore?run=7").text == "a secret page", "the cookie opens it from now on"


def test_the_token_cannot_send_the_browser_elsewhere(client: TestClient) -> None:
    answer = client.get(f"http://{HOST}//evil.example/x?token={TOKEN}")
    assert answer.headers["location"].startswith("/evil.example"), "a path of this server, not another host"


@pytest.mark.parametrize("headers", [BEARER, {"Cookie": f"{COOKIE}={TOKEN}"}], ids=["bearer", "cookie"])
def test_a_script_opens_it_too(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/explore", headers=headers).text == "a secret page"


def test_the_cookie_of_another_port_does_not_count(client: TestClient) -> None:
    assert client.get("/explore", headers={"Cookie": f"cryohype-9999={TOKEN}"}).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8050", "localhost.evil.example:8050", "localhost:80x", "gpu.example", "gpu.example:8050", ""],
)
def test_another_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/explore", headers=BEARER | {"Host": host}).status_code == 400


@pytest.mark.parametrize(("host", "cookie"), [("localhost:9000", "cryohype-9000"), ("localhost", "cryohype-default")])
def test_a_tunnel_may_begin_at_another_port(client: TestClient, host: str, cookie: str) -> None:
    came = {"Host": host}
    answer = client.get(f"/explore?token={TOKEN}", headers=came)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith(f"{cookie}={TOKEN};")
    assert client.get("/explore", headers=came | {"Cookie": f"{cookie}={TOKEN}"}).status_code == 200
    assert client.get("/explore", headers=came | {"Cookie": f"{COOKIE}={TOKEN}"}).status_code == 401, "another dashboard's"
    posted = client.post("/explore", headers=BEARER | came | {"Origin": f"http://{host}"})
    assert posted.status_code == 200
    assert client.post("/explore", headers=BEARER | came | {"Origin": f"http://{HOST}"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:9999", "null"])
def test_another_site_cannot_change_anything(client: TestClient, origin: str) -> None:
    assert client.post("/explore", headers=BEARER | {"Origin": origin}).status_code == 403


def test_the_own_site_can(client: TestClient) -> None:
    assert client.post("/explore", headers=BEARER | {"Origin": f"http://{HOST}"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "headers", "opens"),
    [
        ("", {}, False),
        (f"?token={TOKEN}", {}, True),
        ("", BEARER, True),
        ("", BEARER | {"Origin": "http://evil.example"}, False),
        ("", {"Cookie": f"{COOKIE}={TOKEN}", "Origin": f"http://{HOST}"}, True),
    ],
)
def test_websockets_are_guarded_alike(client: TestClient, query: str, headers: dict[str, str], opens: bool) -> None:
    if opens:
        with client.websocket_connect(f"ws://{HOST}/ws{query}", headers=headers) as socket:
            assert socket.receive_text() == "here"
        return
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"ws://{HOST}/ws{query}", headers=headers):
        pass


def test_answers_carry_the_headers_that_browsers_heed(client: TestClient) -> None:
    answer = client.get("/explore", headers=BEARER)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
