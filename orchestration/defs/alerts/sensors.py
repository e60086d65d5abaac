"""The sensors that open alerts and send messages: two, so that one is always waiting."""

import dagster as dg

from orchestration.defs.alerts.evaluation import Evaluation
from orchestration.defs.alerts.watch import Shift, watch
from orchestration.resources import Database, Slack

_KEY = dg.AssetKey(["alerts", "alerts"])


def _waiting_sensor(name: str, description: str) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        description=description,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def wait_for_the_ledger(
        context: dg.SensorEvaluationContext, database: Database, slack: Slack
    ) -> dg.SkipReason:
        def report(looked: Evaluation, seconds: float | None) -> None:
            context.instance.report_runless_asset_event(materialization(looked, seconds))

        served = watch(database.address, slack, shift=Shift(), report=report)
        if served is None:
            return dg.SkipReason("Another tick was watching the ledger.")
        return dg.SkipReason(
            f"Watched the ledger: {served.opened} opened, {served.ended} ended, "
            f"{served.sent} messages sent or changed."
        )

    return wait_for_the_ledger


def materialization(looked: Evaluation, seconds: float | None) -> dg.AssetMaterialization:
    """What one evaluation did, as the numbers that an analyst asks for."""
    metadata: dict[str, dg.MetadataValue] = {
        "opened": dg.MetadataValue.int(looked.opened),
        "ended": dg.MetadataValue.int(looked.ended),
        "live_critical_low": dg.MetadataValue.int(looked.live_critical_low),
        "live_low": dg.MetadataValue.int(looked.live_low),
        "live_from_ledger": dg.MetadataValue.int(looked.live_from_ledger),
        "product_sites_looked_at": dg.MetadataValue.int(looked.product_sites),
        "position": dg.MetadataValue.int(looked.position),
        "refresh_id": dg.MetadataValue.int(looked.refresh_id),
        "is_baseline": dg.MetadataValue.bool(looked.was_baseline),
    }
    if seconds is not None:
        metadata["seconds_since_event"] = dg.MetadataValue.float(round(seconds, 3))
    return dg.AssetMaterialization(asset_key=_KEY, metadata=metadata)


alerts_sensor = _waiting_sensor(
    "alerts",
    "Waits for the ledger to move, opens and ends alerts, and sends their messages. It reports "
    "what it did on the asset alerts.alerts; a tick without an event there changed nothing.",
)
alerts_relief_sensor = _waiting_sensor(
    "alerts_relief",
    "The same as `alerts`: one of the two waits for its turn while the other one serves, so that "
    "no event falls into the seconds between two ticks.",
)
