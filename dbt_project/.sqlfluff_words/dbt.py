"""What sqlfluff puts where a model says `dbt.<macro>(...)`; no database is asked."""


def string_literal(value: object) -> str:
    """The value as a literal of SQL."""
    return "'" + str(value).replace("'", "''") + "'"
