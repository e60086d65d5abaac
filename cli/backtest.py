"""`parstock backtest`: a window of the past, replayed with the plan's policy, from files alone."""

from datetime import date, datetime
from pathlib import Path
from typing import get_args

import click
import numpy as np

from cli.backtest_files import first_days, read_costs, read_demand, read_stock
from cli.backtest_files import write_orders as write
from orchestration.planning.backtest import Replay, Window, replay, simulated
from orchestration.planning.rolling import Model, Period

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_OUT = click.Path(path_type=Path, dir_okay=False, writable=True)
_SMOOTHINGS = {"day": 0.03, "week": 0.1, "month": 0.3}


def _day(context: click.Context, parameter: click.Parameter, said: datetime) -> date:
    return said.date()


@click.command()
@click.option("--demand", type=_FILE, required=True, help="unique_id, ds, y and maybe in_stock.")
@click.option("--stock", type=_FILE, required=True, help="unique_id, on_hand, in transit ...")
@click.option("--costs", type=_FILE, help="unique_id, holding_cost, shortage_cost by series.")
@click.option("--lead-time", type=click.IntRange(0), required=True, help="Periods.")
@click.option("--review", type=click.IntRange(1), default=1, help="An order every so many periods.")
@click.option("--holding-cost", type=click.FloatRange(0), help="Of a unit left at a period's end.")
@click.option("--shortage-cost", type=click.FloatRange(0), help="Of a unit asked for in vain.")
@click.option("--period", type=click.Choice(get_args(Period)), default="week", show_default=True)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day,
    required=True,
    help="First day of the first period.",
)
@click.option("--periods", type=click.IntRange(1), required=True, help="How many are replayed.")
@click.option("--warm-up", type=click.IntRange(0), default=0, help="First periods not counted.")
@click.option("--out", type=_OUT, help="Write the orders: unique_id, ds, order.")
def command(
    *,
    demand: Path,
    stock: Path,
    costs: Path | None,
    lead_time: int,
    review: int,
    holding_cost: float | None,
    shortage_cost: float | None,
    period: Period,
    start: date,
    periods: int,
    warm_up: int,
    out: Path | None,
) -> None:
    """Replay a window of the past: what would the plan have ordered, and what would it have cost?

    An order placed at the end of a period sells a lead time after the next one begins; what is not
    served is lost. Each order is made from what was known when it is placed.
    """
    if costs is None and (holding_cost is None or shortage_cost is None):
        raise click.UsageError("Give --holding-cost and --shortage-cost, or --costs FILE.")
    if warm_up >= periods:
        raise click.UsageError(f"A warm-up of {warm_up} leaves nothing of {periods} periods.")
    read = read_demand(demand, period=period, start=start, periods=periods)
    on_hand, arrivals = read_stock(stock, read.series)
    cost = read_costs(costs, read.series, holding=holding_cost, shortage=shortage_cost)
    window = Window(
        history=read.history,
        first=read.first,
        periods=periods,
        lead_time=lead_time,
        review=review,
        holding_cost=cost.holding,
        shortage_cost=cost.shortage,
        on_hand=on_hand,
        arrivals=arrivals,
    )
    for note in read.notes:
        click.echo(f"Note: {note}", err=True)
    uncharged = int((~np.isfinite(cost.holding) | ~np.isfinite(cost.shortage)).sum())
    if uncharged:
        click.echo(
            f"Note: {uncharged:,} series have no costs; they are planned by the medians of the "
            "others and not charged.",
            err=True,
        )
    happened = replay(window, simulated(window, Model(smoothing=_SMOOTHINGS[period])))
    days = first_days(start, period, 0, periods)
    for line in _described(happened, days, warm_up=warm_up):
        click.echo(line)
    if out is not None:
        placed = [first_days(start, period, at - read.first, 1)[0] for at in happened.order_at]
        write(out, read.series, placed, happened.orders)
        click.echo(f"{out}: {happened.orders.size:,} orders of {len(read.series):,} series.")


def _described(happened: Replay, days: list[date], *, warm_up: int) -> list[str]:
    holding = np.nansum(happened.on_hand * happened.holding_cost[:, None], axis=0)
    shortage = np.nansum(happened.lost * happened.shortage_cost[:, None], axis=0)
    lines = [f"{'period':10}  {'cost':>14}  {'holding':>14}  {'shortage':>14}"]
    for number, day in enumerate(days):
        note = "  (warm-up, not counted)" if number < warm_up else ""
        lines.append(
            f"{day}  {holding[number] + shortage[number]:14.2f}  {holding[number]:14.2f}  "
            f"{shortage[number]:14.2f}{note}"
        )
    counted = slice(warm_up, None)
    served = happened.sold[:, counted].sum()
    asked = served + happened.lost[:, counted].sum()
    total = holding[counted].sum() + shortage[counted].sum()
    return [
        *lines,
        f"{'total':10}  {total:14.2f}  {holding[counted].sum():14.2f}  "
        f"{shortage[counted].sum():14.2f}",
        f"Fill rate {served / asked if asked > 0 else 1.0:.4f}; "
        f"{happened.on_hand[:, counted].sum(axis=0).mean():.1f} units on hand on average.",
    ]
