"""The whole program, started as a user starts it, in a home and on ports of its own."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[1]
_FIRST_PORT, _PORTS = 20_000, 12_000
_claims: list[socket.socket] = []
_T = TypeVar("_T")


class ProgramError(Exception):
    """The program ended or did not answer in time; the message carries the end of its output."""


def free_port() -> int:
    """A port that nothing listens on and that stays so until it is used.

    Below those that systems give to outgoing connections and to whoever asks for any port: one of
    these can be lost between being found and being listened on. Nor is it given twice, here or to
    another process of ours: until this one ends it holds the UDP port of that number, which
    nobody else wants.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
        else:
            _claims.append(claim)
            return port


def wait_for(
    what: str, look: Callable[[], _T | None], *, timeout_s: float, interval_s: float = 0.2
) -> _T:
    """What `look` answers once it answers something; ProgramError when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise ProgramError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(interval_s)


@dataclass
class Program:
    """`make up` in `home`; `settings` are further environment variables."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    api_port: int = field(default_factory=free_port)
    dagster_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PARSTOCK_HOME": str(self.home),
            "PARSTOCK_API_PORT": str(self.api_port),
            "PARSTOCK_DAGSTER_PORT": str(self.dagster_port),
            "PARSTOCK_ADMIN_PASSWORD": self.password,
            **self.settings,
        }

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def dagster_url(self) -> str:
        return f"http://127.0.0.1:{self.dagster_port}"

    @property
    def output(self) -> str:
        path = self.home.parent / f"{self.home.name}.out"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def up(self) -> None:
        """Start `make up`; it stays in the foreground of its own session, as in a terminal."""
        with (self.home.parent / f"{self.home.name}.out").open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def interrupt(self, *, timeout_s: float = 90) -> None:
        """Ctrl-C, as the terminal sends it: to everything in the foreground."""
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise ProgramError(f"Ctrl-C did not end it.\n{self.output[-2000:]}") from error

    def parstock(self, *arguments: str, timeout_s: float = 900) -> str:
        """Run one verb of the console command; answers what it printed."""
        done = subprocess.run(
            [str(ROOT / ".venv/bin/parstock"), *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise ProgramError(f"parstock {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.request(method, self.api_url + path, headers=headers, timeout=30, **options)

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        answer.raise_for_status()
        return answer.json()

    def everything(self, path: str) -> list[dict[str, Any]]:
        """Every item of a paged list."""
        items: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            mark = "&" if "?" in path else "?"
            page = self.get(f"{path}{mark}limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next_cursor"]
        return items

    def wait_until_pages_answer(self, *, timeout_s: float) -> float:
        """Seconds until /readyz answers 200."""
        began = time.monotonic()
        self._wait("the pages", lambda: self._answers(self.api_url + "/readyz"), timeout_s)
        return time.monotonic() - began

    def wait_until_dagster_answers(self, *, timeout_s: float) -> None:
        def loaded() -> bool | None:
            try:
                answer = httpx.post(
                    self.dagster_url + "/graphql",
                    json={"query": "{assetNodes{id}}"},
                    timeout=10,
                )
                return bool(answer.json()["data"]["assetNodes"]) or None
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                return None

        self._wait("the Dagster UI", loaded, timeout_s)

    def sign_in(self) -> None:
        answer = self.request(
            "POST", "/v1/token", json={"username": "admin", "password": self.password}
        )
        answer.raise_for_status()
        self.token = answer.json()["token"]

    def wait_until_alerts_are_ready(self, *, timeout_s: float) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            summary: dict[str, Any] = self.get("/v1/summary")
            return summary if summary["alerts_ready"] else None

        return self._wait("alerts_ready", ready, timeout_s)

    def _answers(self, url: str) -> bool | None:
        try:
            return httpx.get(url, timeout=5).status_code == 200 or None
        except httpx.HTTPError:
            return None

    def _wait(self, what: str, look: Callable[[], _T | None], timeout_s: float) -> _T:
        def look_while_it_lives() -> _T | None:
            if self.process is not None and self.process.poll() is not None:
                raise ProgramError(f"the program ended.\n{self.output[-3000:]}")
            return look()

        try:
            return wait_for(what, look_while_it_lives, timeout_s=timeout_s)
        except ProgramError as error:
            raise ProgramError(f"{error}\n{self.output[-3000:]}") from error


@contextmanager
def running_program(**settings: str) -> Iterator[Program]:
    """A program in a new home, signed in as admin; stopped and wiped afterwards."""
    with tempfile.TemporaryDirectory(prefix="parstock-program-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)
        program = Program(Path(at) / "home", settings)
        program.up()
        try:
            program.wait_until_pages_answer(timeout_s=300)
            program.sign_in()
            yield program
        finally:
            program.interrupt()
