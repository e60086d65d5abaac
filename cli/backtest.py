"""`parstock backtest`: a window of the past, replayed with the plan's policy, from files alone."""

from datetime import date, datetime
from pathlib import Path
from typing import get_args

import click
import numpy as np

from cli.backtest_files import first_days, read_costs, read_demand, read_stock
from cli.backtest_files import write_orders as write
from cli.backtest_plot import write_plot
from orchestration.planning.backtest import (
    Decide,
    Replay,
    Window,
    average_times_lead_time,
    fixed_min_max,
    measure,
    perfect,
    replay,
    service_level,
    simulated,
)
from orchestration.planning.choosing import Choice, choose
from orchestration.planning.rolling import Array, Period

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_OUT = click.Path(path_type=Path, dir_okay=False, writable=True)


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
@click.option("--compare", is_flag=True, help="Replay other policies, too, and print a table.")
@click.option("--plot", type=_OUT, help="Draw the cost so far of each policy, as an SVG file.")
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
    compare: bool,
    plot: Path | None,
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
    chosen = choose(window)
    click.echo(_chosen(chosen))
    happened = replay(window, simulated(window, chosen.model))
    days = first_days(start, period, 0, periods)
    replays = {"by simulation": happened}
    if compare or plot is not None:
        replays |= {name: replay(window, other) for name, other in _others(window, chosen)}
    for line in _described(happened, days, warm_up=warm_up):
        click.echo(line)
    if compare:
        for line in _compared(replays, warm_up=warm_up, unit_cost=cost.unit):
            click.echo(line)
    if plot is not None:
        write_plot(plot, {name: other.costs for name, other in replays.items()}, days, warm_up)
        click.echo(f"{plot}: the cost so far of each policy.")
    if out is not None:
        placed = [first_days(start, period, at - read.first, 1)[0] for at in happened.order_at]
        write(out, read.series, placed, happened.orders)
        click.echo(f"{out}: {happened.orders.size:,} orders of {len(read.series):,} series.")


def _chosen(choice: Choice) -> str:
    """Which reading of demand was chosen, by what."""
    model = choice.model
    said = f"smoothing {model.smoothing:g}, season {model.season_weight:g}, spread {model.spread:g}"
    if not choice.tried:
        return f"Demand is read by default ({said}): there is too little history to choose by."
    own = dict(choice.tried)[model]
    return (
        f"Demand is read with {said}: of {len(choice.tried)} ways that cost least over the "
        f"{choice.periods} periods before the window ({own:,.2f}; by default "
        f"{choice.tried[0][1]:,.2f})."
    )


def _others(window: Window, chosen: Choice) -> list[tuple[str, Decide]]:
    """The policies that the plan's is held against."""
    return [
        ("service level of 95 %", service_level(window, chosen.model)),
        ("fixed min/max", fixed_min_max(window)),
        ("average x lead time", average_times_lead_time(window)),
        ("perfect foresight", perfect(window)),
    ]


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
    found = measure(happened, warm_up=warm_up)
    return [
        *lines,
        f"{'total':10}  {found.cost:14.2f}  {found.holding:14.2f}  {found.shortage:14.2f}",
        f"Fill rate {found.fill_rate:.4f}; {found.average_stock:.1f} units on hand on average.",
    ]


def _compared(replays: dict[str, Replay], *, warm_up: int, unit_cost: Array | None) -> list[str]:
    """A table of what each policy came to; capital only where the unit costs are known."""
    head = f"{'policy':22}  {'cost':>14}  {'fill rate':>9}  {'average stock':>14}  {'stockouts':>9}"
    lines = ["", head + (f"  {'capital':>14}" if unit_cost is not None else "")]
    for name, happened in replays.items():
        found = measure(happened, warm_up=warm_up, unit_cost=unit_cost)
        line = (
            f"{name:22}  {found.cost:14.2f}  {found.fill_rate:9.4f}  {found.average_stock:14.1f}"
            f"  {found.stockout_periods:9,}"
        )
        lines.append(line + (f"  {found.capital:14.2f}" if unit_cost is not None else ""))
    return lines
