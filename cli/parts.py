"""The parts that the supervisor keeps running: what each is started with, and when it answers."""

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.home import Home
from cli.settings import Settings, SettingsError

ROOT = Path(__file__).parents[1]
_TIMEOUT_S = 3.0
_LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""


@dataclass(frozen=True)
class Part:
    """One child process. `answers` says whether it can be used; None: once it runs it can.

    stop_within_s: how long it may take to end after SIGTERM before it is killed.
    """

    name: str
    command: tuple[str, ...]
    answers: Callable[[], bool] | None = None
    stop_within_s: float = 20.0


def api_address(settings: Settings) -> str:
    """Where people on this machine reach the API."""
    return f"http://{_url_host(settings.api_host)}:{settings.api_port}"


def dagster_address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.dagster_port}"


def refuse_taken_ports(settings: Settings) -> None:
    """A SettingsError names the port that another program has, and the setting that moves it."""
    for name, host, port in (
        ("PARSTOCK_API_PORT", settings.api_host, settings.api_port),
        ("PARSTOCK_DAGSTER_PORT", "127.0.0.1", settings.dagster_port),
    ):
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except PermissionError as error:
            raise SettingsError(
                f"This user may not listen on port {port}: set {name} to one above 1023."
            ) from error
        except socket.gaierror as error:
            raise SettingsError(f"PARSTOCK_API_HOST ({host}) is not known here.") from error
        except OSError as error:
            if not _is_local(host):
                raise SettingsError(
                    f"PARSTOCK_API_HOST ({host}) is not an address of this machine."
                ) from error
            raise SettingsError(
                f"Port {port} on {host} is taken by another program: "
                f"set {name} to a free one, for example {name}={_free_port(host, port)}."
            ) from error


def api_part(settings: Settings) -> Part:
    command = ("uvicorn", "--factory", "api.app:create_app", "--no-access-log")
    return Part(
        "api",
        (
            *_python(*command),
            f"--host={settings.api_host}",
            f"--port={settings.api_port}",
            "--loop=uvloop",
            "--http=httptools",
        ),
        lambda: _answer(api_address(settings) + "/readyz") is not None,
    )


def dagster_parts(settings: Settings, *, code_port: int) -> list[Part]:
    """The code server first: the others ask it for the definitions."""
    workspace = str(ROOT / "workspace.yaml")
    return [
        Part(
            "code",
            _python(
                *("dagster", "api", "grpc", "-m", "orchestration.definitions"),
                *("--host", "127.0.0.1", "--port", str(code_port)),
            ),
            lambda: _listens(code_port),
            # A sensor that waits for the ledger would hold it for most of a minute. What a tick
            # has done is in the database, so a killed one loses nothing.
            stop_within_s=2.0,
        ),
        # A refresh that is cut short is done again: its cursor moves when it has succeeded.
        Part("worker", _python("orchestration.worker"), stop_within_s=8.0),
        Part(
            "dagster",
            (
                *_script("dagster-webserver"),
                *("-w", workspace, "-h", "127.0.0.1", "-p", str(settings.dagster_port)),
            ),
            lambda: _definitions_are_loaded(dagster_address(settings)),
        ),
        Part("daemon", (*_script("dagster-daemon"), "run", "-w", workspace)),
    ]


def simulator_part() -> Part:
    return Part("simulator", _python("simulation.live"))


def environment(
    settings: Settings,
    home: Home,
    *,
    database_url: str,
    code_port: int,
    data_folder: Path | None = None,
) -> dict[str, str]:
    """What each part finds in its environment."""
    from orchestration.settings import dagster_storage_url

    return {
        **({} if data_folder is None else {"PARSTOCK_LEDGER__DATA_FOLDER": str(data_folder)}),
        **os.environ,
        "DATABASE_URL": database_url,
        "PARSTOCK_HOME": str(home.path),
        "PARSTOCK_API_HOST": settings.api_host,
        "PARSTOCK_API_PORT": str(settings.api_port),
        "PARSTOCK_API_URL": api_address(settings),
        "PARSTOCK_DAGSTER_PORT": str(settings.dagster_port),
        "PARSTOCK_CODE_HOST": "127.0.0.1",
        "PARSTOCK_CODE_PORT": str(code_port),
        "PARSTOCK_DAGSTER_POSTGRES_URL": dagster_storage_url(database_url),
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _python(*module_and_arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *module_and_arguments)


def _script(name: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name(name)),)


def _url_host(host: str) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
    host = everywhere.get(host, host)
    return f"[{host}]" if ":" in host else host


def _is_local(host: str) -> bool:
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def _free_port(host: str, taken: int) -> int:
    """The next free port above one that is taken."""
    family = socket.getaddrinfo(host, taken, type=socket.SOCK_STREAM)[0][0]
    for port in range(taken + 1, 65536):
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    return free_port()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S):
            return True
    except OSError:
        return False


def _answer(url: str, body: bytes | None = None) -> bytes | None:
    """The body of a good answer; None where there is none (yet)."""
    request = urllib.request.Request(  # noqa: S310 - the address is made of our own settings
        url, data=body, headers={"Content-Type": "application/json"} if body else {}
    )
    # A proxy of the environment does not lead to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except (OSError, urllib.error.HTTPError, ValueError):
        return None


def _definitions_are_loaded(address: str) -> bool:
    """Whether Dagster's webserver has the asset graph, and not only a page."""
    body = _answer(address + "/graphql", json.dumps({"query": _LOCATIONS}).encode())
    if body is None:
        return False
    workspace = (json.loads(body).get("data") or {}).get("workspaceOrError") or {}
    entries = workspace.get("locationEntries", [])
    return bool(entries) and all(
        (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
        for entry in entries
    )
