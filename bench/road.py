"""How long the road takes: start cold and warm, one event to its plan line, a history to its plan.

python -m bench.road                     the simulated arcade
python -m bench.road --retail FILE       Online Retail: the import, and the refresh after it
"""

import argparse
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.program import Program, wait_for
from db.connect import connect
from db.embedded import embedded_postgres


def sell(program: Program, level: dict[str, Any]) -> None:
    """Post one sale of everything that one level has."""
    answer = program.request(
        "POST",
        "/v1/inventory-events",
        json={
            "event_id": str(uuid.uuid4()),
            "event_type": "sold",
            "sku": level["sku"],
            "location": level["location"],
            "quantity": level["on_hand"],
            "occurred_at": datetime.now(UTC).isoformat(),
        },
    )
    answer.raise_for_status()


def emptiable_product(program: Program) -> list[dict[str, Any]]:
    """The levels with stock of a product that has neither an open alert nor a plan line."""
    alerts = program.everything("/v1/alerts")
    taken = {alert["sku"] for alert in alerts if alert["status"] != "resolved"}
    taken |= {line["sku"] for line in program.everything("/v1/restock-plan")}
    forecast = {item["sku"] for item in program.get("/v1/forecasts?limit=1000")["items"]}
    for sku in sorted(forecast - taken):
        levels = [
            row for row in program.everything(f"/v1/stock-levels?sku={sku}") if row["on_hand"]
        ]
        if levels:
            return levels
    raise SystemExit("every product has an open alert or a plan line")


def seconds_to_plan_line(program: Program) -> float:
    """From the post that empties a product to its new line in the restock plan."""
    levels = emptiable_product(program)
    for level in levels[:-1]:
        sell(program, level)
    began = time.monotonic()
    sell(program, levels[-1])
    sku = levels[-1]["sku"]

    def line() -> bool | None:
        return any(row["sku"] == sku for row in program.everything("/v1/restock-plan")) or None

    wait_for("the plan line", line, timeout_s=300)
    return time.monotonic() - began


def timed_start(program: Program) -> tuple[float, float]:
    """Seconds from `make up` until the pages answer, and until everything does."""
    began = time.monotonic()
    program.up()
    program.wait_until_pages_answer(timeout_s=600)
    pages = time.monotonic() - began
    program.sign_in()
    program.wait_until_dagster_answers(timeout_s=600)
    program.wait_until_alerts_are_ready(timeout_s=600)
    return pages, time.monotonic() - began


def arcade(repeats: int) -> None:
    with tempfile.TemporaryDirectory(prefix="parstock-bench-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)
        program = Program(Path(at) / "home")
        try:
            print(
                "make up, first       pages {:6.1f} s   everything {:6.1f} s".format(
                    *timed_start(program)
                )
            )
            program.interrupt()
            print(
                "make up, later       pages {:6.1f} s   everything {:6.1f} s".format(
                    *timed_start(program)
                )
            )
            for _ in range(repeats):
                print(f"one event to its plan line          {seconds_to_plan_line(program):6.1f} s")
        finally:
            program.interrupt()


def _planned(program: Program) -> bool | None:
    """Whether a refresh has read all that the ledger holds."""
    with connect(embedded_postgres(program.home).url()) as connection:
        row = connection.execute(
            "select (select max(position) from ledger.inventory_events) <= max(to_position)"
            " from planning.refreshes where status = 'succeeded'"
        ).fetchone()
    return bool(row and row[0]) or None


def retail(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="parstock-bench-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)
        program = Program(Path(at) / "home", {"PARSTOCK_DEMO": "0"})
        try:
            program.up()
            program.wait_until_pages_answer(timeout_s=300)
            program.sign_in()
            program.wait_until_dagster_answers(timeout_s=300)
            began = time.monotonic()
            printed = program.parstock("import", str(path))
            took = time.monotonic() - began
            print(printed)
            print(f"import of {path.name}   {took:6.1f} s")
            began = time.monotonic()
            program.wait_until_alerts_are_ready(timeout_s=900)
            wait_for("the refresh", lambda: _planned(program), timeout_s=900)
            print(f"refresh after the import   {time.monotonic() - began:6.1f} s")
            print(f"one event to its plan line {seconds_to_plan_line(program):6.1f} s")
        finally:
            program.interrupt()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--retail", type=Path, help="Online Retail as Parquet or CSV")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.retail is not None:
        retail(chosen.retail)
    else:
        arcade(chosen.repeats)


if __name__ == "__main__":
    main()
