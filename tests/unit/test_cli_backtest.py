"""`parstock backtest` on small files: what is charged, what is written, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.backtest import command
from orchestration.planning.backtest import Window, perfect, replay, simulated
from orchestration.planning.rolling import History, Model, RollingDemand

WEEKS = pd.date_range("2024-01-01", periods=30, freq="7D")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two series of 30 weeks: one sells 4 a week, the other nothing at all."""
    pd.DataFrame(
        {
            "unique_id": ["a"] * 30 + ["b"] * 30,
            "ds": [*WEEKS, *WEEKS],
            "y": [4] * 30 + [0] * 30,
        }
    ).to_csv(tmp_path / "demand.csv", index=False)
    (tmp_path / "stock.csv").write_text("unique_id,on_hand,w1,w2\na,3,4,0\nb,5,0,0\n")
    return tmp_path


def backtest(files: Path, *more: str, costs: str | None = None) -> Result:
    said = ["--demand", str(files / "demand.csv"), "--stock", str(files / "stock.csv")]
    said += ["--lead-time", "2", "--start", "2024-06-24", "--periods", "4", *more]
    if costs is None:
        said += ["--holding-cost", "0.2", "--shortage-cost", "1"]
    elif costs:
        (files / "costs.csv").write_text(costs)
        said += ["--costs", str(files / "costs.csv")]
    return CliRunner().invoke(command, said)


def printed(result: Result) -> dict[str, list[str]]:
    """The words of each printed line, by its first."""
    return {line.split()[0]: line.split()[1:] for line in result.output.splitlines() if line}


def test_each_period_is_charged_for_what_is_left_and_what_was_lost(files: Path) -> None:
    # given 3 of a on hand, 4 arriving in the first week and nothing in the second; 5 of b
    # when
    charged = printed(backtest(files))
    # then the first week leaves 3 and 5; the second serves 3 of 4
    assert charged["2024-06-24"] == ["1.60", "1.60", "0.00"]
    assert charged["2024-07-01"] == ["2.00", "1.00", "1.00"]


def test_the_first_order_bears_the_period_before_the_start(files: Path) -> None:
    # when
    backtest(files, "--out", str(files / "orders.csv"))
    # then
    orders = pd.read_csv(files / "orders.csv")
    assert list(orders) == ["unique_id", "ds", "order"]
    assert orders["ds"].unique().tolist() == [
        "2024-06-17",
        "2024-06-24",
        "2024-07-01",
        "2024-07-08",
        "2024-07-15",
    ]
    assert orders.query("unique_id == 'b'")["order"].sum() == 0
    assert 4 <= orders.query("unique_id == 'a'")["order"].iloc[0] <= 8


def test_with_a_review_of_two_an_order_is_placed_every_second_period(files: Path) -> None:
    backtest(files, "--review", "2", "--out", str(files / "orders.parquet"))
    orders = pd.read_parquet(files / "orders.parquet")
    assert orders["ds"].dt.strftime("%m-%d").unique().tolist() == ["06-17", "07-01", "07-15"]


def test_the_warm_up_is_not_counted(files: Path) -> None:
    charged = printed(backtest(files, "--warm-up", "3"))
    assert charged["total"] == charged["2024-07-15"][:3]
    assert "(warm-up," in charged["2024-07-08"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("demand.csv", "unique_id,ds\na,2024-01-01\n", "no column y: unique_id, ds, y"),
        ("demand.csv", "unique_id,ds,y\na,soon,1\n", "line 2, column ds: soon; a date"),
        ("demand.csv", "unique_id,ds,y\na,2024-01-01,-1\n", "line 2, column y: -1; a demand"),
        ("demand.csv", "unique_id,ds,y\na,2024-01-02,1\n", "2024-01-02; a day some whole weeks"),
        ("demand.csv", "unique_id,ds,y,in_stock\na,2024-01-01,1,7\n", "column in_stock: 7; 1"),
        ("demand.csv", "unique_id,ds,y\n,2024-01-01,1\n", "column unique_id: empty"),
        ("demand.csv", "unique_id,ds,y\n", "has no rows"),
        (
            "demand.csv",
            "unique_id,ds,y\na,2024-01-01,1\na,2024-01-01,2\n",
            "line 3, column ds: a has 2024-01-01 twice",
        ),
        ("stock.csv", "unique_id,on_hand\na,1\n", "no row for b of the demand file"),
        ("stock.csv", "unique_id,on_hand\na,1\nc,1\n", "line 3, column unique_id: c is no series"),
        ("stock.csv", "unique_id,on_hand\na,1\na,1\n", "line 3, column unique_id: a stands there"),
        ("stock.csv", "unique_id,on_hand\na,many\nb,1\n", "line 2, column on_hand: many; a number"),
        ("stock.csv", "unique_id,on_hand\na,\nb,1\n", "line 2, column on_hand: empty; a number"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_column_and_row(
    files: Path, name: str, content: str, said: str
) -> None:
    (files / name).write_text(content)
    refused = backtest(files)
    assert refused.exit_code == 2
    assert said in refused.output


def test_without_costs_it_says_which_options_give_them(files: Path) -> None:
    refused = backtest(files, costs="")
    assert refused.exit_code == 2
    assert "--holding-cost and --shortage-cost, or --costs" in refused.output


def test_a_series_without_costs_is_not_charged(files: Path) -> None:
    shown = backtest(files, costs="unique_id,holding_cost,shortage_cost\na,0.5,2\nb,,\n")
    assert "1 series have no costs" in shown.output
    assert "2024-06-24            1.50" in shown.output


def window(demand: np.ndarray, first: int, *, lead_time: int = 2, review: int = 1) -> Window:
    """A window to the end of the demand, from nothing on hand."""
    series, columns = demand.shape
    return Window(
        history=History(
            demand=demand,
            exposure=np.ones_like(demand),
            first_day=WEEKS[0].date(),
            period="week",
        ),
        first=first,
        periods=columns - first,
        lead_time=lead_time,
        review=review,
        holding_cost=np.full(series, 0.2),
        shortage_cost=np.ones(series),
        on_hand=np.full(series, 3.0),
        arrivals=np.zeros((series, 0)),
    )


DEMANDS = st.lists(
    st.lists(st.integers(0, 12), min_size=24, max_size=24), min_size=2, max_size=4
).map(lambda rows: np.array(rows, dtype=float))


@settings(max_examples=20, deadline=None)
@given(DEMANDS, st.integers(12, 22), st.sampled_from([1, 2]))
def test_changing_the_future_changes_no_earlier_order(
    demand: np.ndarray, known: int, review: int
) -> None:
    # given the same demand up to `known`, and another after it
    other = demand.copy()
    other[:, known + 1 :] = 99 - other[:, known + 1 :]
    # when
    one, two = (
        replay(w, simulated(w, Model(smoothing=0.2)))
        for w in (window(demand, 12, review=review), window(other, 12, review=review))
    )
    # then
    until = sum(at <= known for at in one.order_at)
    assert until > 0
    assert np.array_equal(one.orders[:, :until], two.orders[:, :until])


@settings(max_examples=20, deadline=None)
@given(DEMANDS)
def test_nothing_appears_and_nothing_vanishes(demand: np.ndarray) -> None:
    at = window(demand, 12)
    happened = replay(at, simulated(at, Model(smoothing=0.2)))
    # what began and arrived is what was sold and is left; the last 3 orders arrive after the end
    arrived = happened.orders[:, :-3].sum(axis=1)
    assert np.array_equal(3 + arrived, happened.sold.sum(axis=1) + happened.on_hand[:, -1])
    assert (happened.on_hand >= 0).all()
    assert np.array_equal(happened.sold + happened.lost, demand[:, 12:])
    assert np.array_equal(happened.orders, np.round(happened.orders))


def test_who_knows_the_future_loses_nothing_that_an_order_can_still_serve() -> None:
    demand = np.array([[0.0] * 12 + [3, 0, 0, 7, 0, 9, 1, 0, 2, 2, 5, 4]])
    happened = replay(window(demand, 12), perfect(window(demand, 12)))
    assert happened.lost.sum() == 0
    assert happened.on_hand[:, 3:].sum() == 0


def test_the_policy_is_held_against_others_in_a_table_and_a_plot(files: Path) -> None:
    shown = backtest(files, "--compare", "--plot", str(files / "costs.svg"))
    table = shown.output.splitlines()[-7:]
    assert table[0].split()[:2] == ["policy", "cost"]
    assert [line[:22].strip() for line in table[1:6]] == [
        "by simulation",
        "service level of 95 %",
        "fixed min/max",
        "average x lead time",
        "perfect foresight",
    ]
    costs = [float(line[22:].split()[0]) for line in table[1:6]]
    assert min(costs) == costs[-1]
    plot = (files / "costs.svg").read_text()
    assert all(line[:22].strip() in plot for line in table[1:6])


def test_capital_is_told_where_the_unit_costs_are_known(files: Path) -> None:
    costs = "unique_id,holding_cost,shortage_cost,unit_cost\na,0.2,1,10\nb,0.2,1,3\n"
    shown = backtest(files, "--compare", costs=costs)
    assert "capital" in shown.output


def test_an_empty_shelf_hardly_moves_the_level() -> None:
    # given 4 a week, and at last ten weeks in which the shelf was empty and 1 or nothing was sold
    demand = np.array([[4.0] * 40 + [1, 0] * 5])
    exposure = np.array([[1.0] * 40 + [0.0] * 10])
    history = History(demand=demand, exposure=exposure, first_day=WEEKS[0].date(), period="week")
    # when
    known = RollingDemand(history, Model(smoothing=0.1), horizon=3)
    # then
    assert 3.5 < known.ahead(49, 3)[0][0, 0] <= 4.0
    blind = RollingDemand(
        replace(history, exposure=np.ones_like(exposure)), Model(smoothing=0.1), horizon=3
    )
    assert blind.ahead(49, 3)[0][0, 0] < 2.0


def test_a_series_begins_with_its_first_sale() -> None:
    demand = np.array([[0.0] * 40 + [5.0] * 10, [5.0] * 50])
    history = History(
        demand=demand, exposure=np.ones_like(demand), first_day=WEEKS[0].date(), period="week"
    )
    known = RollingDemand(history, Model(smoothing=0.1), horizon=1)
    assert known.ahead(39, 1)[0][0, 0] == 0
    assert known.ahead(49, 1)[0][0, 0] == pytest.approx(5)


def test_a_season_that_comes_every_year_is_expected_again() -> None:
    # given three years in which the last quarter sells three times as much
    week = np.arange(156) % 52
    demand = np.tile(np.where(week >= 39, 30.0, 10.0), (3, 1))
    history = History(
        demand=demand, exposure=np.ones_like(demand), first_day=WEEKS[0].date(), period="week"
    )
    # when one stands at the end of the third quarter
    known = RollingDemand(history, Model(smoothing=0.1, season_weight=1.0), horizon=8)
    ahead = known.ahead(142, 8)[0][0]
    # then
    assert ahead[4:].mean() > 2 * demand[0, 130:142].mean()
