"""A change of the model is noted once, with what it replaced and why."""

from dataclasses import replace
from datetime import date

import numpy as np
import psycopg
import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.forecast.choices import remember_choices
from orchestration.planning.forecasting import SiteHistory, forecast_site

_CHOICES = (
    "select demand_class, model, replaced, reason from planning.model_choices order by choice_id"
)


def test_a_model_is_remembered_until_another_takes_its_place(database_url: str) -> None:
    # given a site of ten smooth products
    chance = np.random.default_rng(5)
    demand = chance.poisson(9, size=(10, 150)).astype(float)
    history = SiteHistory(
        date(2026, 1, 5), demand, np.ones_like(demand), np.zeros(10, dtype=np.int64)
    )
    said = forecast_site(history)
    with connect(database_url, role=ORCHESTRATION_ROLE) as connection:

        def remember(model: str) -> int:
            told = replace(said, model=[model] * 10)
            return remember_choices(connection, history, told, site_id=1, refresh_id=1)

        # when it is forecast three times, the third time by another model
        noted = [remember(model) for model in ("first", "first", "second")]
        rows = connection.execute(_CHOICES).fetchall()
    # then the first choice and the change are noted
    assert noted == [1, 0, 1]
    assert [row[:3] for row in rows] == [
        ("smooth", "first", None),
        ("smooth", "second", "first"),
    ]
    assert rows[1][3].startswith("The default stands: ")
    assert f"{said.accuracy.origins} past origins (more than 3% over at least 3" in rows[1][3]
    # and nobody rewrites that
    with (
        connect(database_url, role=ORCHESTRATION_ROLE) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update planning.model_choices set reason = ''")
