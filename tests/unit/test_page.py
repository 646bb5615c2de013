"""The built page is served as it is: right file, right type, cached, with a policy that fits."""

from __future__ import annotations

import base64
import gzip
import hashlib

import httpx
import pytest

from aidoctor.errors import PageMissing
from aidoctor.web.page import Page

SCRIPT = "window.x = 1 < 2;"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets").mkdir()
    home = f'<html><script>{SCRIPT}</script><script src="/assets/a.js"></script></html>'
    (tmp_path / "index.html").write_text(home)
    (tmp_path / "__spa-fallback.html").write_text("<html>any conversation</html>")
    (tmp_path / "404.html").write_text("<html>not here</html>")
    (tmp_path / "assets" / "a-1234.js").write_text("plain")
    (tmp_path / "assets" / "a-1234.js.gz").write_bytes(gzip.compress(b"plain"))
    baked = "e={EVENT:`ws://localhost:3000/_event`,PING:`http://localhost:3000/ping`}"
    (tmp_path / "assets" / "reflex-env-ab.js").write_text(baked)
    (tmp_path / ".sources").write_text("secret of the build")
    return tmp_path


@pytest.fixture
def client(folder):
    transport = httpx.ASGITransport(Page(folder, 3055))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3055")


@pytest.mark.parametrize(
    ("path", "status", "holds"),
    [
        ("/", 200, SCRIPT),
        ("/c/Ab_cd-1234", 200, "any conversation"),
        ("/c/Ab_cd-1234/", 200, "any conversation"),
        ("/c/", 404, "not here"),
        ("/c/a/b", 404, "not here"),
        ("/c/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "not here"),
        ("/nowhere", 404, "not here"),
        ("/.sources", 404, "not here"),
        ("/assets/../.sources", 404, "not here"),
        ("/..%2f..%2fetc/passwd", 404, "not here"),
        ("/assets", 404, "not here"),
    ],
)
async def test_each_address_has_its_answer(client, path, status, holds):
    """Conversations get the page, unknown addresses a 404, and nothing outside it is reachable."""
    answer = await client.get(path)
    assert answer.status_code == status
    assert holds in answer.text


async def test_only_the_scripts_of_the_page_may_run(client):
    """The policy names each inline script by its hash and allows neither eval nor any other."""
    policy = (await client.get("/")).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts == f"script-src 'self' 'sha256-{digest}'"
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http:" not in policy
    assert "https:" not in policy


async def test_hashed_files_are_kept_for_good_and_pages_are_asked_for_again(client):
    """A second load costs no bytes for the files, and a new version of the page is seen."""
    script = await client.get("/assets/a-1234.js")
    assert "immutable" in script.headers["cache-control"]
    page = await client.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_files_travel_compressed_where_they_can(client):
    """The compressed copy is sent to those who understand it, the plain one to the rest."""
    packed = await client.get("/assets/a-1234.js", headers={"Accept-Encoding": "gzip, br"})
    plain = await client.get("/assets/a-1234.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text == "plain"
    assert packed.headers["content-type"].startswith("text/javascript")
    assert packed.headers["etag"] != plain.headers["etag"]


async def test_the_page_finds_its_own_server(client):
    """The port that the page was built with gives way to the one it is served on."""
    told = (await client.get("/assets/reflex-env-ab.js")).text
    assert told == "e={EVENT:`ws://localhost:3055/_event`,PING:`http://localhost:3055/ping`}"


async def test_the_page_only_gives(client):
    """Nothing can be sent to it."""
    assert (await client.post("/")).status_code == 405


def test_a_missing_page_says_how_to_build_it(tmp_path):
    """An installation without the page does not serve an empty one."""
    with pytest.raises(PageMissing) as caught:
        Page(tmp_path, 3000)
    assert "make page" in caught.value.fix
