"""planning.model_choices: which model forecasts which class of demand, from when on, and why."""

from pathlib import Path
from typing import Any, Final

import psycopg

from db.sql import Queries
from orchestration.planning.demand_classes import demand_classes, models_of_classes
from orchestration.planning.forecasting import SiteForecast, SiteHistory
from orchestration.planning.past import LEAST_ORIGINS, WINS_BY

_QUERIES = Queries(Path(__file__).with_name("choices.sql"))
_SHOWN: Final = 20

Connection = psycopg.Connection[tuple[Any, ...]]


def remember_choices(
    connection: Connection,
    history: SiteHistory,
    said: SiteForecast,
    *,
    site_id: int,
    refresh_id: int,
) -> int:
    """Note each class of a site whose model is another than before; answers how many."""
    found = connection.execute(_QUERIES.standing_choices.text, {"site_id": site_id}).fetchall()
    standing: dict[str, str] = dict(found)
    chosen = models_of_classes(demand_classes(history.demand), said.model)
    changed = {name: choice for name, choice in chosen.items() if standing.get(name) != choice[0]}
    for name, (model, products) in changed.items():
        connection.execute(
            _QUERIES.store_choice.text,
            {
                "site_id": site_id,
                "demand_class": name,
                "model": model,
                "replaced": standing.get(name),
                "reason": _reason(said),
                "products": products,
                "refresh_id": refresh_id,
            },
        )
    return len(changed)


def choices_table(connection: Connection) -> str:
    """Markdown: the newest changes of models."""
    rows = connection.execute(_QUERIES.newest_choices.text, {"limit": _SHOWN}).fetchall()
    return "\n".join(
        [
            "| site | class | products | model | instead of | since | why |",
            "|---|---|---:|---|---|---|---|",
            *(f"| {' | '.join(str(value) for value in row)} |" for row in rows),
        ]
    )


def _reason(said: SiteForecast) -> str:
    measured, verdict = said.accuracy, said.verdict
    if measured.origins == 0:
        return "There is too little of a past to try models on, so it is the default."
    over = f"over {measured.origins} past origin{'s' if measured.origins > 1 else ''}"
    if not verdict.stands:
        rule = f"It errs {verdict.margin:.1%} less than the default {said.default} {over}"
    elif verdict.margin > 0:
        rule = f"The default stands: the best other errs {verdict.margin:.1%} less {over}"
    else:
        rule = f"The default stands: no other errs less {over}"
    others = ", ".join(
        f"{name.replace('_', ' ')} {wape:.3f}"
        for name, wape in measured.wape.items()
        if name != "ours"
    )
    return (
        f"{rule} (more than {WINS_BY:.0%} over at least {LEAST_ORIGINS} is asked of another)."
        f" WAPE {measured.wape['ours']:.3f} ({others})."
    )
