"""The API with its pages behind a real HTTP port, and someone who is signed in to it."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.database import make_pool
from api.deps import Role
from api.identity.service import create_user, ensure_admin
from api.settings import Settings

PASSWORD = "a-password-for-tests"


@contextmanager
def serving(database_url: str, **settings: Any) -> Iterator[str]:
    """Serve the application on a free port; answers its address."""
    app = create_app(Settings.model_validate({"DATABASE_URL": database_url, **settings}))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def let_in(database_url: str, username: str = "admin", role: Role = Role.ADMIN) -> None:
    """Make a user who signs in with PASSWORD."""

    async def make() -> None:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            if role is Role.ADMIN:
                await ensure_admin(connection, PASSWORD)
            else:
                await create_user(connection, username, PASSWORD, role)

    asyncio.run(make())


def with_token(address: str, username: str = "admin") -> httpx.Client:
    """A client of the API that carries a token."""
    answer = httpx.post(
        f"{address}/v1/token", json={"username": username, "password": PASSWORD}, timeout=30
    )
    assert answer.status_code in (200, 201), answer.text
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    return httpx.Client(base_url=address, headers=headers, timeout=30)


@dataclass
class Browser:
    """A client that behaves as a browser does without JavaScript: cookies, origin, no magic."""

    client: httpx.Client
    _tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> httpx.Response:
        """The page that the address leads to."""
        return self.client.get(path, params=query or None, follow_redirects=True)

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of ours; the answer itself, not where it leads."""
        return self.client.post(path, data={"csrf_token": self.token(), **fields})

    def token(self) -> str:
        """What a page of ours puts into its forms for this browser."""
        cookies = str(sorted(self.client.cookies.items()))
        if cookies not in self._tokens:
            found = hidden(self.client.get("/sign-in").text, "csrf_token")
            self._tokens[str(sorted(self.client.cookies.items()))] = found
            return found
        return self._tokens[cookies]

    def sign_in(self, username: str = "admin", password: str = PASSWORD) -> httpx.Response:
        return self.post("/sign-in", username=username, password=password)


def browser(address: str) -> Browser:
    """A browser with no cookies yet."""
    return Browser(httpx.Client(base_url=address, headers={"Origin": address}, timeout=30))


def hidden(markup: str, name: str) -> str:
    """The value of a hidden field of a page."""
    for tag in re.findall(r"<input[^>]*>", markup):
        if f'name="{name}"' in tag:
            found = re.search(r'value="([^"]*)"', tag)
            assert found is not None
            return found[1]
    raise AssertionError(f"the page has no field {name}")
