"""`parstock doctor`: is all well, and what to do where it is not."""

import json
import sys

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for programs.")
def command(as_json: bool) -> None:
    """Look at settings, disk, database, balances, lag, Slack and the rest; change nothing.

    A line each: ok, warning or failure, and what to do. Exit code 1 when anything is a failure.
    """
    from dataclasses import asdict

    from cli.checks import Finding, Place, examine
    from cli.database import embedded
    from cli.home import Home
    from cli.settings import SettingsError, read_settings

    findings = []

    def say(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.status:<8} {finding.name:<12} {finding.found}")
            if finding.advice:
                click.echo(f"{'':<21} -> {finding.advice}")

    try:
        settings = read_settings()
        cluster = None
        database_url = settings.database_url
        if database_url is None:
            cluster = embedded(settings, tell=lambda line: None)
            database_url = None if cluster.pid() is None else cluster.url()
        say(Finding("settings", "ok", f"home {settings.home}"))
    except SettingsError as error:
        say(Finding("settings", "failure", error.message, "docs/operations.md lists them all"))
    else:
        for finding in examine(Place(settings, Home(settings.home), cluster, database_url)):
            say(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    sys.exit(1 if any(finding.status == "failure" for finding in findings) else 0)
