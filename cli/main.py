"""The group `parstock`. A verb's module is imported when the verb is used, so help is instant."""

import importlib

import click

_VERBS = {
    "up": "Start everything, in the foreground; Ctrl-C stops it.",
    "start": "Start everything, in the background.",
    "stop": "Stop everything that `up` or `start` started.",
    "status": "Say which parts run, where they answer, and since when.",
    "logs": "Show the last log lines of all parts, or of one.",
    "migrate": "Bring the database to this version's schema, with its first user.",
    "seed": "Fill an empty database with the simulated arcade.",
    "import": "Import sales, stock or master data from a CSV, Excel or Parquet file.",
    "forecast": "Forecast the demand in a CSV or Parquet file; needs no database.",
    "export": "Write all products, places, stock or sales to such a file.",
    "backtest": "Replay a window of the past with the plan's policy, from files alone.",
    "lead-times": "Tell from a CSV of deliveries how long suppliers really took.",
    "doctor": "Look whether all is well, and say what to do where it is not.",
    "backup": "Write the database to a file, while everything goes on.",
    "restore": "Put a backup in the place of the database; asks first.",
    "keys": "Make keys for devices that record events.",
    "screenshots": "Take the pictures of the documents from the running program.",
    "reset": "Delete Parstock's data; asks first.",
}

# Of verbs whose name no module can have.
_MODULES = {"import": "import_", "lead-times": "lead_times"}


class _Verbs(click.Group):
    """Loads `cli/<verb>.py` on first use; its command is named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module("cli." + _MODULES.get(cmd_name, cmd_name))
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(cls=_Verbs)
@click.version_option(package_name="parstock")
def main() -> None:
    """Parstock keeps every shelf at par.

    Settings come from the environment (DATABASE_URL, PARSTOCK_HOME, PARSTOCK_API_PORT, ...);
    docs/operations.md lists them.
    """


if __name__ == "__main__":
    main()
