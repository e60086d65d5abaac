"""Every dbt model as an asset, every dbt test as its check; one warm dbt run builds them."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dbt.artifacts.schemas.run import RunResult

from db.sql import load_queries
from orchestration.defs.dbt.project import DbtError, dbt_project, read_manifest
from orchestration.refresh import read_refresh
from orchestration.resources import Database

_QUERIES = load_queries(__file__)
_GROUPS = {"staging": "demand", "intermediate": "demand", "marts": "demand"}

Built = dg.MaterializeResult[None] | dg.AssetCheckResult


def _key(properties: Mapping[str, Any]) -> dg.AssetKey:
    table = properties.get("alias") or properties.get("identifier") or properties["name"]
    return dg.AssetKey([properties["schema"], table])


class _Translator(DagsterDbtTranslator):
    """Keys as in Postgres, the step of the flow as group, descriptions as in the YAML."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return _key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return _GROUPS.get(dbt_resource_props["schema"], "ledger")

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return ["team:planning"]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description", "")).strip()

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        said = manifest["nodes"].get(unique_id, {}).get("description", "").strip()
        return spec and spec._replace(description=said or spec.description)


@dbt_assets(manifest=read_manifest(), dagster_dbt_translator=_Translator(), name="demand_facts")
def demand_facts(context: dg.AssetExecutionContext, database: Database) -> Iterator[Built]:
    """Build what this run selected, up to the position of its refresh; then test it."""
    refresh = read_refresh(context, database)
    project = dbt_project(database.address)
    variables = {
        "from_position": refresh.from_position,
        "to_position": refresh.to_position,
        "as_of": refresh.started_at.isoformat(),
    }
    keys = {key.path[-1]: key for key in context.selected_asset_keys}
    scope = ["--full-refresh"] if refresh.is_full else []
    results = project.invoke(["run", "--select", *keys, *scope], variables=variables)
    failed = []
    for result in results:
        if result.status == "success":
            yield dg.MaterializeResult(
                asset_key=keys[result.node.name], metadata=_figures(result, database, refresh.scope)
            )
        else:
            failed.append(f"{result.node.name}: {result.status}: {result.message}")
    if failed:
        raise DbtError("\n".join(failed))
    checks = {check.name: check for check in context.selected_asset_check_keys}
    if checks:
        results = project.invoke(["test", "--select", *checks], variables=variables)
        for result in results:
            yield _checked(checks[result.node.name], result)


def _figures(result: RunResult, database: Database, scope: str) -> dict[str, Any]:
    """What an analyst asks of a table first; the states of the days where it has them."""
    figures: dict[str, Any] = {"seconds": round(result.execution_time, 2), "scope": scope}
    rows = result.adapter_response.get("rows_affected", -1)
    if rows >= 0:
        figures["rows_written"] = rows
    if result.node.name == "fct_daily_demand" and scope == "full":
        with database.connect() as connection:
            found = connection.execute(_QUERIES.newest_demand.text).fetchall()
        figures["newest_days"] = dg.MetadataValue.md(
            "| site | day | product-sites | full | censored | unknown | closed | demand |\n"
            "|---|---|---:|---:|---:|---:|---:|---:|\n"
            + "\n".join(f"| {' | '.join(str(value) for value in row)} |" for row in found)
        )
    return figures


def _checked(key: dg.AssetCheckKey, result: RunResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        asset_key=key.asset_key,
        check_name=key.name,
        metadata={
            "failures": result.failures or 0,
            "seconds": round(result.execution_time, 2),
            **({"message": result.message} if result.message else {}),
        },
    )
