"""The server itself: its address, its certificate, its files, its end."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agent.errors import InputInvalid
from agent.web import address
from agent.web.address import own_address
from agent.web.server import PortTaken, WebServer
from tests.web.room import API, Board

SCRIPT = "const longEnough = 'to be worth packing';\n" * 100


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """Pages as the front end's build leaves them, with a secret beside them."""
    (tmp_path / "secret").write_text("not for you")
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    for page in ("index", "projector", "s"):
        (folder / f"{page}.html").write_text(f"<title>{page}</title>")
    (folder / "assets" / "teacher-C0FFEE.js").write_text(SCRIPT)
    return folder


@pytest.fixture
async def built(tmp_path: Path, pin_files: Path, static: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path, static) as board:
        yield board


def another_server(board: Board, **settings: object) -> WebServer:
    """A second server on the parts of a board."""
    ctx = board.web.context
    parts = {
        name: getattr(ctx, name)
        for name in (
            "device", "place", "intake", "journal", "rosters", "sets", "identity", "supervisor",
            "flashing", "plugged", "phones", "pictures", "access", "cloud", "clock_synced",
            "storage", "wall", "today",
        )
    }  # fmt: skip
    return WebServer(**parts | {"host": "127.0.0.1", "port": 0, "now_ns": int} | settings)


@pytest.mark.parametrize(
    ("path", "title"), [("/", "index"), ("/projector", "projector"), ("/s?c=1234", "s")]
)
async def test_each_page_is_served_and_looked_for_anew(built: Board, path: str, title: str) -> None:
    answer = await built.visitor().http.get(path)
    assert answer.status_code == 200
    assert answer.text == f"<title>{title}</title>"
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_what_is_named_by_its_hash_is_kept_for_ever_and_travels_packed(built: Board) -> None:
    visitor = built.visitor()
    path = "/assets/teacher-C0FFEE.js"
    answer = await visitor.http.get(path)
    assert answer.text == SCRIPT
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers.get("content-length", 0)) < len(SCRIPT) / 2
    assert len(gzip.compress(SCRIPT.encode())) < len(SCRIPT) / 2
    plain = await visitor.http.get(path, headers={"Accept-Encoding": "identity"})
    assert plain.content == SCRIPT.encode()


@pytest.mark.parametrize(
    "path", ["/assets/../secret", "/assets/..%2f..%2fsecret", "/assets/%2e%2e/%2e%2e/secret", "/x"]
)
async def test_nothing_else_is_served(built: Board, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", built.web.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"not for you" not in answer


async def test_a_taken_port_is_named(board: Board) -> None:
    with pytest.raises(PortTaken) as caught:
        await another_server(board, port=board.web.port).__aenter__()
    assert caught.value.where == f"127.0.0.1:{board.web.port}"


async def test_a_stopped_server_leaves_its_port_and_no_connection(board: Board) -> None:
    server = another_server(board)
    async with server:
        port = server.port
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}{API}/health")
            assert answer.status_code == 200
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with another_server(board, port=port) as again:
        assert again.port == port


def make_certificate(cert: Path, key: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.needs("openssl")
async def test_with_a_certificate_pages_and_cookies_are_for_https_alone(
    board: Board, tmp_path: Path
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await asyncio.to_thread(make_certificate, cert, key)
    async with another_server(board, tls_cert_file=cert, tls_key_file=key) as server:
        url = f"https://localhost:{server.port}"
        trust = ssl.create_default_context(cafile=str(cert))
        headers = {"Origin": url}
        async with httpx.AsyncClient(
            base_url=url, verify=trust, headers=headers, trust_env=False
        ) as client:
            answer = await client.post(f"{API}/session", json={"pin": board.pin})
            assert answer.json() == {"role": "teacher"}
            assert "secure" in answer.headers["set-cookie"].lower()
            lesson = (await client.post(f"{API}/lessons", json={})).json()
            assert lesson["join_url"].startswith("https://127.0.0.1:")
    with pytest.raises(InputInvalid) as caught:
        await another_server(board, tls_cert_file=key, tls_key_file=key).__aenter__()
    assert caught.value.code == "tls_unusable"
    missing = tmp_path / "nowhere.pem"
    with pytest.raises(InputInvalid) as caught:
        await another_server(board, tls_cert_file=missing, tls_key_file=missing).__aenter__()
    assert str(missing) in caught.value.where


def test_the_address_for_phones_is_this_machines() -> None:
    with socket.create_server((own_address(), 0)):
        pass


def test_a_network_without_a_router_has_an_address_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_NOWHERE", ("not an address", 9))
    with socket.create_server((own_address(), 0)):
        pass
