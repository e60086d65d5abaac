"""`make test`: first what can share the machine, on every core, then what needs it for itself.

What is given on the command line goes to pytest both times: `make test ARGS="-k ledger -x"`.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

import pytest

_WORKERS_AT_MOST = 4
_PASSES: tuple[tuple[str, list[str]], ...] = (
    # A file stays in one worker, so that what a module sets up is set up once. The order is that
    # of the folders: the unit tests are short and come last, so that the workers end together.
    (
        "shared",
        [
            *("-n", str(min(os.cpu_count() or 1, _WORKERS_AT_MOST))),
            *("--dist=loadfile", "--no-loadscope-reorder"),
        ],
    ),
    ("alone", []),
)
_NOTHING_TO_RUN = pytest.ExitCode.NO_TESTS_COLLECTED


def main(arguments: list[str]) -> int:
    """Run both passes; answers the first exit code that says that something is wrong."""
    codes = []
    for only, options in _PASSES:
        codes.append(_run([f"--only={only}", *options, *arguments]))
        if codes[-1] in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR):
            break
    wrong = [code for code in codes if code not in (pytest.ExitCode.OK, _NOTHING_TO_RUN)]
    if wrong:
        return wrong[0]
    return int(_NOTHING_TO_RUN if set(codes) == {_NOTHING_TO_RUN} else pytest.ExitCode.OK)


def _run(options: list[str]) -> int:
    # What Python compiles is kept, or each of the programs that tests start compiles it again.
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    process = subprocess.Popen([sys.executable, "-m", "pytest", "-rs", *options], env=environment)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # pytest got it too, and cleans up what it started
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
