"""Only our own page, on this machine, may talk to the program."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aidoctor.web.guard import BODY_LIMITS, HEADERS, Guard, hosts_of, origins_of
from tests.kit.program import handshake

PORT = 3000
OWN = f"http://127.0.0.1:{PORT}"

FOREIGN_HOSTS = [
    "evil.example",
    f"evil.example:{PORT}",
    "127.0.0.1:3001",
    f"127.0.0.1.evil.example:{PORT}",
    f"127.0.0.1@evil.example:{PORT}",
    f"localhost.:{PORT}",
    f"0.0.0.0:{PORT}",
    f"192.168.1.5:{PORT}",
    "127.0.0.1",
    "",
]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "null",
    "",
    f"https://127.0.0.1:{PORT}",
    "http://127.0.0.1",
    "http://127.0.0.1:3001",
    "http://localhost:8080",
    f"http://127.0.0.1.evil.example:{PORT}",
    f"{OWN}/",
    f"{OWN}, http://evil.example",
    "file://",
    "chrome-extension://abcdefgh",
]


async def _echo(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


async def _sandboxed(_: Request) -> Response:
    return Response("x", headers={"Content-Security-Policy": "sandbox"})


def _guarded(**more) -> httpx.AsyncClient:
    inner = Starlette(
        routes=[
            Route("/api/attachments", _echo, methods=["GET", "POST", "DELETE"]),
            Route("/api/own", _sandboxed),
            Route("/", _echo),
        ]
    )
    guard = Guard(inner, hosts_of(PORT), origins_of(PORT), **more)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=OWN)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/attachments", "/nowhere"])
async def test_another_host_is_refused_everywhere(host, path):
    """A name that an attacker points at this machine reads nothing."""
    answer = await _guarded().get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host-refused"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"]
)
async def test_every_name_of_this_machine_is_served(host):
    """People may write the address as they like."""
    assert (await _guarded().get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_another_origin_is_refused_in_every_method(origin, method):
    """A page elsewhere can neither read nor change anything, and gets no CORS header."""
    answer = await _guarded().request(method, "/api/attachments", headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "X"])
async def test_what_changes_something_must_say_where_it_comes_from(method):
    """Without an Origin only reading is allowed."""
    assert (await _guarded().request(method, "/api/attachments")).status_code == 403


async def test_our_own_page_may_do_everything():
    """The guard is not in the way of what it guards."""
    own = {"Origin": OWN, "Sec-Fetch-Site": "same-origin"}
    async with _guarded() as client:
        sent = await client.post("/api/attachments", content=b"abc", headers=own)
        assert sent.json() == {"bytes": 3}
        assert (await client.get("/api/attachments", headers=own)).status_code == 200
        assert (await client.get("/api/attachments")).status_code == 200  # curl


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_other_sites_cannot_embed_our_data(site):
    """A picture or a script tag elsewhere carries no Origin, but says which site it is on."""
    headers = {"Sec-Fetch-Site": site}
    assert (await _guarded().get("/api/attachments", headers=headers)).status_code == 403
    assert (await _guarded().get("/", headers=headers)).status_code == 200  # a link to the page


async def test_reflex_run_may_show_pictures_across_its_two_ports():
    """In development the page has another port, which browsers call the same site."""
    client = _guarded(own_site_only=False)
    assert (
        await client.get("/api/attachments", headers={"Sec-Fetch-Site": "same-site"})
    ).status_code == 200
    assert (
        await client.get("/api/attachments", headers={"Sec-Fetch-Site": "cross-site"})
    ).status_code == 403


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
async def test_no_text_passes_for_our_origin(origin):
    """Only the exact origins pass, however alike another may look."""
    headers = {"Origin": origin.encode("latin-1")}
    answer = await _guarded().post("/api/attachments", headers=headers)
    assert answer.status_code == (200 if origin in origins_of(PORT) else 403)


async def test_two_origins_or_hosts_are_one_too_many():
    """A request cannot show one origin to us and another to somebody else."""
    twice = [("Origin", OWN), ("Origin", "http://evil.example")]
    assert (await _guarded().post("/api/attachments", headers=twice)).status_code == 403


async def test_every_answer_carries_the_headers():
    """Also errors and refusals; a route's own stricter policy stays."""
    async with _guarded() as client:
        for answer in (
            await client.get("/"),
            await client.get("/nowhere"),
            await client.get("/", headers={"Host": "evil.example"}),
        ):
            for name, value in HEADERS.items():
                assert answer.headers[name] == value
        own = await client.get("/api/own")
        assert own.headers.get_list("content-security-policy") == ["sandbox"]


async def test_a_body_that_says_it_is_too_large_is_refused_unread():
    """The limit holds before the first byte."""
    limit = dict(BODY_LIMITS)["/api/attachments"]
    headers = {"Origin": OWN, "Content-Length": str(limit + 1)}
    answer = await _guarded().post("/api/attachments", content=b"", headers=headers)
    assert answer.status_code == 413


async def _flood(limit: int):
    """Twice the limit, in pieces."""
    for _ in range(2 * limit // 65536):
        yield b"x" * 65536


async def test_a_body_that_grows_too_large_is_cut_off():
    """Without a length the bytes are counted as they come."""
    flood = _flood(dict(BODY_LIMITS)["/api/attachments"])
    answer = await _guarded().post("/api/attachments", content=flood, headers={"Origin": OWN})
    assert answer.status_code == 413
    assert len([piece async for piece in flood]) > 100  # what was left was never read


async def test_an_answer_under_way_ends_where_its_question_grows_too_large():
    """The application sees that the sender is gone, and no second answer is begun."""
    seen = []

    async def answer_at_once(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not seen or seen[-1] == "http.request":
            seen.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"late"})

    guard = Guard(answer_at_once, hosts_of(PORT), origins_of(PORT))
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    async def send(message):
        sent.append(message)

    headers = [(b"host", f"127.0.0.1:{PORT}".encode()), (b"origin", OWN.encode())]
    await guard({"type": "http", "method": "POST", "path": "/x", "headers": headers}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert seen == ["http.request"] * 16 + ["http.disconnect"]


def test_the_real_socket_opens_for_our_page_alone(program):
    """The running program refuses the upgrade to any other origin, to none, and to other hosts."""
    port = program.port
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"http://[::1]:{port}"):
        assert handshake(port, origin=origin) == 101
    for origin in (None, *FOREIGN_ORIGINS, "http://localhost:3000"):
        assert handshake(port, origin=origin) == 403
    for host in ("evil.example", f"evil.example:{port}"):
        assert handshake(port, host=host, origin=f"http://{host}") == 403


def _addresses() -> list[str]:
    """Every address that the application answers, with an id where one belongs."""
    from aidoctor.aidoctor import app

    transformers = app.api_transformer
    routes = [r for t in transformers if isinstance(t, Starlette) for r in t.routes]
    own = {getattr(route, "path", "").replace("{", "").replace("}", "") for route in routes}
    return sorted({path for path in own if path.startswith("/api")} | {"/ping", "/_event/", "/"})


def test_every_route_of_the_real_program_is_guarded(program):
    """No route, old or new, answers to another host or another origin."""
    addresses = _addresses()
    assert any(path.startswith("/api/answers") for path in addresses)
    with httpx.Client(base_url=program.address, trust_env=False) as client:
        for path in addresses:
            for method in ("GET", "POST", "DELETE"):
                for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                    answer = client.request(method, path, headers=headers)
                    assert answer.status_code == 403, (method, path, headers)
                    assert set(json.loads(answer.text)["error"]) == {"code", "what", "fix"}


def test_the_real_page_has_a_policy_that_forbids_the_rest(program):
    """The page may run its own scripts and talk to its own server, and nothing else."""
    policy = program.wait_for("/").headers["content-security-policy"]
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "http" not in policy


def test_the_program_does_not_say_what_it_is_made_of(program):
    """No server header, no listing of uploads, no list of routes."""
    assert "server" not in program.wait_for("/").headers
    for path in ("/_upload/x", "/_all_routes", "/docs", "/openapi.json"):
        assert program.wait_for(path).status_code == 404
