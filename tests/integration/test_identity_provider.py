"""Sign-in through a real OpenID provider, over HTTP as a browser goes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from bench.program import free_port
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import execute, query, shared_shop
from tests.serving import let_in, serving, with_token

BACK = "/sign-in/provider/back"


@dataclass
class Provider:
    """A provider of its own process, whose users are as a test says."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def knows(self, subject: str, **claims: object) -> None:
        httpx.put(f"{self.issuer}/users/{subject}", json=claims, timeout=30).raise_for_status()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def provider_on(port: int) -> Provider:
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "-n", "true"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    provider = Provider(port, process)
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(
                f"{provider.issuer}/.well-known/openid-configuration", timeout=30
            ).raise_for_status()
        except httpx.HTTPError:
            assert process.poll() is None, "the provider ended while it started"
            assert time.monotonic() < deadline, "the provider did not start"
            time.sleep(0.05)
        else:
            return provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    started = provider_on(free_port())
    yield started
    started.end()


@pytest.fixture(scope="module")
def shop(
    postgres: EmbeddedPostgres, template: str, provider: Provider
) -> Iterator[tuple[str, str]]:
    """The address of a served shop that signs in by the provider, and of its database."""
    settings = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": "parstock",
        "oidc_client_secret": "of-the-client",
        "oidc_name": "Example",
    }
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url, **settings) as address:
            yield address, database_url


@dataclass
class Visit:
    """A browser on its way to the provider and back."""

    client: httpx.Client

    def begin(self, going_to: str = "/") -> str:
        answer = self.client.get("/sign-in/provider", params={"next": going_to})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def at_provider(self, address: str, subject: str) -> str:
        """Where the provider sends the browser once the person has signed in there."""
        answer = httpx.post(address, data={"sub": subject}, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def come(self, subject: str, going_to: str = "/") -> httpx.Response:
        return self.client.get(self.at_provider(self.begin(going_to), subject))


@pytest.fixture
def visit(shop: tuple[str, str]) -> Iterator[Visit]:
    with httpx.Client(base_url=shop[0], timeout=30) as client:
        yield Visit(client)


def invite(shop: tuple[str, str], username: str, email: str, **fields: object) -> None:
    with with_token(shop[0]) as admin:
        body = {"username": username, "role": "staff", "email": email, **fields}
        assert admin.post("/v1/users", json=body).status_code == 201


def asked(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def with_query(address: str, **changes: str) -> str:
    query = urlencode({**asked(address), **changes})
    return urlunsplit(urlsplit(address)._replace(query=query))


def test_whom_an_admin_has_invited_comes_in(
    shop: tuple[str, str], provider: Provider, visit: Visit
) -> None:
    invite(shop, "maria", "Maria@Example.com")
    provider.knows("m-1", email="maria@example.com", email_verified=True)
    assert "Sign in with Example" in visit.client.get("/sign-in").text
    answer = visit.come("m-1", going_to="/stock?search=duck")
    assert answer.headers["location"] == "/stock?search=duck"
    assert "maria" in visit.client.get("/alerts").text


def test_what_is_asked_for_is_a_code_bound_to_this_browser(visit: Visit) -> None:
    first, second = asked(visit.begin()), asked(visit.begin())
    assert first["response_type"] == "code"
    assert first["scope"].split() == ["openid", "email"]
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"].endswith(BACK)
    for once in ("state", "nonce", "code_challenge"):
        assert len(first[once]) >= 32
        assert first[once] != second[once]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.com", "email_verified": True},
        {"email": "paul@example.com", "email_verified": False},
        {"email": "paul@example.com", "email_verified": "true"},
        {"email": "paul@example.com"},
        {},
    ],
)
def test_whom_nobody_has_invited_by_a_verified_address_stays_out(
    shop: tuple[str, str], provider: Provider, visit: Visit, claims: dict[str, object]
) -> None:
    if not query(shop[1], "select from identity.users where username = 'paul'"):
        invite(shop, "paul", "paul@example.com")
    provider.knows("p-0", **claims)
    answer = visit.come("p-0")
    assert answer.status_code == 403
    assert "nobody here has invited you" in answer.text
    assert visit.client.get("/alerts").status_code == 303


def test_an_address_that_is_given_to_another_person_does_not_let_them_in(
    shop: tuple[str, str], provider: Provider, visit: Visit
) -> None:
    invite(shop, "early", "desk@example.com")
    provider.knows("first-person", email="desk@example.com", email_verified=True)
    assert visit.come("first-person").status_code == 303
    provider.knows("next-person", email="desk@example.com", email_verified=True)
    assert visit.come("next-person").status_code == 403
    provider.knows("first-person", email="moved@example.com", email_verified=True)
    assert visit.come("first-person").status_code == 303
    execute(shop[1], "update identity.users set disabled_at = now() where username = 'early'")
    assert visit.come("first-person").status_code == 403


def test_another_nonce_state_or_client_is_refused(
    shop: tuple[str, str], provider: Provider, visit: Visit
) -> None:
    invite(shop, "nonce", "nonce@example.com")
    provider.knows("n-1", email="nonce@example.com", email_verified=True)
    away = visit.begin()
    for changes, status in (
        ({"nonce": "of-another-sign-in"}, 502),
        ({"client_id": "another"}, 502),
        ({"state": "of-another-sign-in"}, 400),
    ):
        back = visit.at_provider(with_query(away, **changes), "n-1")
        assert visit.client.get(back).status_code == status, changes
        away = visit.begin()
    elsewhere = with_query(visit.at_provider(away, "n-1"), iss="https://elsewhere.example")
    assert visit.client.get(elsewhere).status_code == 502
    assert visit.client.get("/alerts").status_code == 303


def test_a_code_of_another_browser_signs_nobody_in(
    shop: tuple[str, str], provider: Provider, visit: Visit
) -> None:
    invite(shop, "victim", "victim@example.com")
    provider.knows("v-1", email="victim@example.com", email_verified=True)
    back = visit.at_provider(visit.begin(), "v-1")
    assert httpx.get(back, timeout=30).status_code == 400
    assert visit.client.get(back).status_code == 303
    assert visit.client.get(back).status_code == 400


def test_a_person_who_turns_back_is_asked_again(visit: Visit) -> None:
    visit.begin()
    answer = visit.client.get(f"{BACK}?error=access_denied")
    assert answer.status_code == 502
    assert "User name" in answer.text


def test_nothing_leads_off_this_site(provider: Provider, shop: tuple[str, str]) -> None:
    provider.knows("o-1", email="off@example.com", email_verified=True)
    invite(shop, "off", "off@example.com")
    with httpx.Client(base_url=shop[0], timeout=30) as client:
        answer = Visit(client).come("o-1", going_to="https://elsewhere.example/")
        assert answer.headers["location"] == "/"


def test_a_provider_may_change_its_keys_or_be_away(
    shop: tuple[str, str], provider: Provider, visit: Visit
) -> None:
    invite(shop, "rotated", "rotated@example.com")
    provider.knows("r-1", email="rotated@example.com", email_verified=True)
    assert visit.come("r-1").status_code == 303
    provider.end()
    away = visit.client.get("/sign-in/provider")
    assert asked(away.headers["location"])["client_id"] == "parstock"
    state = asked(away.headers["location"])["state"]
    assert visit.client.get(f"{BACK}?code=c&state={state}").status_code == 502
    provider.process = provider_on(provider.port).process
    provider.knows("r-1", email="rotated@example.com", email_verified=True)
    assert visit.come("r-1").status_code == 303
