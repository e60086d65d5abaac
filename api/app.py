"""The application: the features put together, the pool and the ledger's writer around them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI

from api import health, metrics
from api.alerts import routes as alerts
from api.catalog import routes as catalog
from api.counting import routes as counting
from api.database import make_pool
from api.exports import routes as exports
from api.exports.service import Exports
from api.feed import routes as feed
from api.feed.following import Followers
from api.forecasts import routes as forecasts
from api.front import FrontDoor
from api.identity import routes as identity
from api.identity.actors import Actors
from api.identity.passwords import PasswordChecks
from api.identity.throttle import Buckets, SignInLimits
from api.imports import mapping_routes as import_mappings
from api.imports import routes as imports
from api.imports.uploads import Uploads
from api.ledger import routes as ledger
from api.ledger.service import Ledger
from api.limits import RequestLimits
from api.log import configure_logging
from api.lots import routes as lots
from api.metrics import Metrics
from api.openapi import install_openapi
from api.problems import install_problem_handlers
from api.purchasing import minimums, scorecards
from api.purchasing import order_routes as purchase_orders
from api.purchasing import routes as purchasing
from api.rejected import routes as rejected
from api.settings import Settings, get_settings
from api.slack import routes as slack
from api.slack.starting import slack_listener
from api.staff.routes import install_staff_pages
from api.stopping import told_to_stop
from api.storage import on_disk_full

_VERSION = "0.1.0"


def create_app(settings: Settings | None = None) -> FastAPI:
    """One application, which neither waits for the database nor for Dagster to start."""
    chosen = settings or get_settings()
    if settings is None:
        configure_logging(chosen.log_level)
    app = FrontDoor(
        title="Parstock",
        version=_VERSION,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        redirect_slashes=False,
        # Each would ask at every request whether it is wanted; metrics and logs are our own.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = chosen
    app.state.owns_its_process = settings is None
    app.state.metrics = Metrics()
    limits: dict[str, Any] = {
        "body_limit_bytes": chosen.body_limit_bytes,
        "timeout_s": chosen.request_timeout_s,
        "metrics": app.state.metrics,
        "log_requests": chosen.log_requests,
        "file_limits": {imports.router.prefix: chosen.imports.upload_limit_bytes},
    }
    app.add_middleware(RequestLimits, **limits)
    app.open(ledger.AT_ONCE, limits=lambda inner: RequestLimits(inner, **limits))
    install_problem_handlers(app)
    app.exception_handler(asyncpg.DiskFullError)(on_disk_full)
    # In the order in which addresses are compared: the ledger's are asked for most.
    for feature in (
        ledger,
        feed,
        rejected,
        lots,
        counting,
        health,
        metrics,
        identity,
        catalog,
        purchasing,
        forecasts,
        purchase_orders,
        scorecards,
        minimums,
        alerts,
        slack,
    ):
        app.include_router(feature.router)
    for feature in (imports, import_mappings, exports):
        app.include_router(feature.router)
    install_staff_pages(app)
    install_openapi(app)
    return app


def _collect_seldom() -> None:
    """What was loaded stays, so the collector need not look at it at every turn, during which all
    requests wait: that alone was most of the 99th percentile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    pool = make_pool(
        settings.database_url,
        size=settings.pool_size,
        connect_timeout_s=settings.connect_timeout_s,
        statement_timeout_s=settings.statement_timeout_s,
    )
    async with pool:
        app.state.pool = pool
        app.state.actors = Actors(
            pool,
            remembered_for_s=settings.actors_for_s,
            rates=Buckets(
                per_second=settings.requests_per_second_and_key,
                burst=settings.requests_at_once_and_key,
            ),
        )
        app.state.sign_in_limits = SignInLimits(settings.sign_in)
        app.state.password_checks = PasswordChecks(
            at_once=settings.password_checks_at_once, waiting=settings.password_checks_waiting
        )
        app.state.ledger = Ledger(pool, settings.database_url, settings=settings.ledger)
        app.state.ledger.start()
        app.state.exports = Exports(settings.database_url, settings.imports)
        app.state.uploads = Uploads(
            pool, settings.database_url, settings.home.expanduser() / "imports", settings.imports
        )
        app.state.uploads.start()
        app.state.followers = Followers(pool, settings.database_url, settings.feed)
        app.state.slack = slack_listener(pool, settings)
        app.state.slack.start()
        if app.state.owns_its_process:
            _collect_seldom()
        try:
            with told_to_stop(app.state.followers.waking.stopping):
                yield
        finally:
            await app.state.slack.stop()
            await app.state.followers.stop()
            await app.state.uploads.stop()
            await app.state.ledger.stop()
