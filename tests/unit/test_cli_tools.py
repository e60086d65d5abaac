"""Which of PostgreSQL's client programs are taken, and what is said where none fits."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.archive import backups, file_name, prune
from db.tools import Tools, ToolsError, environment, tools_for


def _programs(folder: Path, version: str, *names: str) -> Path:
    folder.mkdir()
    for name in names or ("pg_dump", "pg_restore", "psql"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_complete_set_is_taken(tmp_path: Path) -> None:
    older = _programs(tmp_path / "older", "15.4 (Debian 15.4-1)")
    newer = _programs(tmp_path / "newer", "18.1")
    half = _programs(tmp_path / "half", "19.0", "pg_dump")
    assert tools_for(16, [older, half, newer, tmp_path / "absent"]) == Tools(newer, 18)


def test_a_server_newer_than_the_programs_is_told_what_to_install(tmp_path: Path) -> None:
    programs = _programs(tmp_path / "programs", "18.1")
    with pytest.raises(ToolsError, match=r"PostgreSQL 19.*newest here are 18.*client-19"):
        tools_for(19, [programs])
    with pytest.raises(ToolsError, match="there are none here"):
        tools_for(15, [])


def test_a_password_is_never_on_a_command_line(tmp_path: Path) -> None:
    url = "postgresql://me:s3cret%21@db:5433/shop?sslmode=require"
    command = Tools(tmp_path, 18).command("pg_dump", url, "--format=custom")
    assert "s3cret" not in " ".join(command)
    assert "port=5433" in command[1]
    assert "sslmode=require" in command[1]
    assert environment(url)["PGPASSWORD"] == "s3cret!"


def test_the_newest_backups_stay_and_other_files_are_left_alone(tmp_path: Path) -> None:
    names = [file_name(datetime(2026, 1, day, 2, 30, tzinfo=UTC)) for day in range(1, 6)]
    for name in [*names, "mine.dump", ".parstock-x.dump.999999999.partial"]:
        (tmp_path / name).touch()
    prune(tmp_path, keep=2)
    assert [file.name for file in backups(tmp_path)] == [names[4], names[3]]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.dump", names[3], names[4]]


def test_two_backups_of_one_second_have_two_names_that_sort_by_time() -> None:
    moments = [datetime(2026, 1, 31, 2, 30, 5, at * 125_000, tzinfo=UTC) for at in (1, 2)]
    names = [file_name(moment, "-before-restore") for moment in moments]
    assert names == sorted(set(names))
    assert names[0] == "parstock-20260131T023005.125Z-before-restore.dump"
