"""`parstock screenshots`: the pictures of the documents, taken from the running program."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_PHONE = (390, 844)
_DESK = (1440, 480)
_PAGES = {"stock": "/stock", "alerts": "/alerts", "plan": "/plan"}
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LINEAGE_TIMEOUT_MS = 90_000
_SETTLE_MS = 4_000


@click.command("screenshots")
@click.option("--into", type=click.Path(path_type=Path), default=Path("docs/images"))
@click.option("--username", default="admin", show_default=True)
def command(into: Path, username: str) -> None:
    """Take docs/images/*.png from the running program; PARSTOCK_ADMIN_PASSWORD signs in."""
    from cli.settings import read_settings

    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise click.ClickException(
            "Playwright is not installed: it comes with the packages for developing (make test)."
        ) from None

    settings = read_settings()
    if settings.admin_password is None:
        raise click.ClickException("Set PARSTOCK_ADMIN_PASSWORD to the password of the user.")
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_QUIET)
        try:
            page = _open(browser, _PHONE)
            address = f"http://{settings.api_host}:{settings.api_port}"
            _sign_in(page, address, username, settings.admin_password.get_secret_value())
            _take_pages(page, address, into)
            _take_lineage(browser, f"http://127.0.0.1:{settings.dagster_port}", into)
        finally:
            browser.close()


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if found is None:
        raise click.ClickException("There is no chromium here: apt-get install chromium.")
    # Debian's wrapper reads a setting of the desktop; the browser behind it needs none.
    return os.path.realpath(found)


def _sign_in(page: "Page", address: str, username: str, password: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#username", username)
    page.fill("#password", password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/", timeout=10_000)


def _take_pages(page: "Page", address: str, into: Path) -> None:
    for name, path in _PAGES.items():
        page.goto(address + path)
        _keep(page, into / f"{name}.png")
    page.goto(f"{address}/plan")
    product = page.locator('article a[href^="/products/"]').first
    if product.count():
        product.click()
        page.wait_for_load_state()
        _keep(page, into / "product.png")


def _take_lineage(browser: "Browser", address: str, into: Path) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

    page = _open(browser, _DESK)
    page.goto(f"{address}/asset-groups", timeout=_LINEAGE_TIMEOUT_MS)
    page.locator("svg foreignObject").first.wait_for(timeout=_LINEAGE_TIMEOUT_MS)
    with suppress(PlaywrightTimeoutError):  # it asks a new visitor to join its community
        page.get_by_role("button", name="Skip").click(timeout=_SETTLE_MS)
    _keep_graph(page, into / "lineage.png")


def _keep_graph(page: "Page", path: Path) -> None:
    page.wait_for_timeout(_SETTLE_MS)
    page.keyboard.press("Alt+0")  # all of it in the picture
    page.wait_for_timeout(_SETTLE_MS)
    _keep(page, path)


def _open(browser: "Browser", size: tuple[int, int]) -> "Page":
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=2, color_scheme="light"
    )
    return context.new_page()


def _keep(page: "Page", path: Path) -> None:
    page.screenshot(path=path)
    click.echo(f"took {path}")


if __name__ == "__main__":
    sys.exit(command())
