"""dbt reaches the database that DATABASE_URL names, whatever the address is written like."""

from orchestration.defs.dbt.project import connection_environment, read_manifest


def test_each_part_of_the_address_is_handed_over() -> None:
    url = "postgresql://shop:p%40ss%2Fword@db.example:6543/stock?sslmode=verify-full"
    assert connection_environment(url) == {
        "DBT_HOST": "db.example",
        "DBT_PORT": "6543",
        "DBT_USER": "shop",
        "DBT_ENV_SECRET_PASSWORD": "p@ss/word",
        "DBT_DATABASE": "stock",
        "DBT_SSLMODE": "verify-full",
    }


def test_what_the_address_leaves_out_is_what_postgres_assumes() -> None:
    found = connection_environment("postgresql://shop@db.example")
    assert (found["DBT_PORT"], found["DBT_DATABASE"]) == ("5432", "shop")
    assert "DBT_SSLMODE" not in found


def test_every_mart_promises_its_grain_and_what_its_columns_hold() -> None:
    models = [
        node
        for node in read_manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]
    assert models
    for model in models:
        assert model["contract"]["enforced"], model["name"]
        assert model["description"], model["name"]
        assert [rule["type"] for rule in model["constraints"]] == ["primary_key"], model["name"]


def test_lineage_ends_where_people_look() -> None:
    exposures = {node["name"] for node in read_manifest()["exposures"].values()}
    assert exposures == {"restock_plan", "staff_pages", "slack_alerts"}
