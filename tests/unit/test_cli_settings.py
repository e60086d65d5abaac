"""Each malformed setting is named, in one sentence, without what is secret in it."""

from pathlib import Path

import pytest

from cli.settings import Settings, SettingsError, read_settings

_NAMES = {str(field.validation_alias) for field in Settings.model_fields.values()}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:secret@host/db"),
        ("DATABASE_URL", "postgresql://user:secret@host:port/db"),
        ("DATABASE_URL", "postgresql://user:secret@host:5432"),
        ("DATABASE_URL", "postgresql://user:secret@host/db?colour=blue"),
        ("SLACK_BOT_TOKEN", "xoxb secret"),
        ("SLACK_CHANNEL", "two words"),
        ("SLACK_API_URL", "https://slack.example/api"),
        ("SLACK_API_URL", "ftp://slack.example/api/"),
        ("PARSTOCK_API_HOST", "not a host"),
        ("PARSTOCK_API_PORT", "0"),
        ("PARSTOCK_API_PORT", "65536"),
        ("PARSTOCK_API_PORT", "http"),
        ("PARSTOCK_DAGSTER_PORT", "-1"),
        ("PARSTOCK_ADMIN_PASSWORD", "secret"),
        ("PARSTOCK_SIMULATE", "often"),
        ("PARSTOCK_SIMULATE", "-1"),
        ("PARSTOCK_SIMULATE", "nan"),
        ("PARSTOCK_SIMULATE", "inf"),
        ("PARSTOCK_DEMO", "perhaps"),
    ],
)
def test_a_malformed_setting_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert refused.value.message.startswith(f"{name} must be ")
    assert refused.value.message.count("\n") == 0
    assert "secret" not in refused.value.message
    assert refused.value.exit_code == 2


def test_every_malformed_setting_has_a_sentence_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARSTOCK_API_PORT", "http")
    monkeypatch.setenv("PARSTOCK_SIMULATE", "often")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert [line.split()[0] for line in refused.value.message.splitlines()] == [
        "PARSTOCK_API_PORT",
        "PARSTOCK_SIMULATE",
    ]


def test_two_servers_cannot_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARSTOCK_API_PORT", "3000")
    with pytest.raises(SettingsError, match="PARSTOCK_API_PORT and PARSTOCK_DAGSTER_PORT"):
        read_settings()


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NAMES:
        monkeypatch.setenv(name, "")
    settings = read_settings()
    assert settings.database_url is None
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8000)
    assert (settings.dagster_port, settings.simulate, settings.demo) == (3000, 10, True)


def test_a_home_is_absolute_and_knows_the_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings().home == tmp_path / ".local/share/parstock"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARSTOCK_HOME", "here")
    assert read_settings().home == tmp_path / "here"
