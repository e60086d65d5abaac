"""docs/api.md: every example runs as it stands."""

import re
import subprocess
from pathlib import Path

from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import query, shared_shop
from tests.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_example_of_the_page_works(
    postgres: EmbeddedPostgres, template: str, tmp_path: Path
) -> None:
    # given: the examples, in the order of the page, as one shell would run them
    examples = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    script = "set -euo pipefail\n" + "\n".join(examples)
    with shared_shop(postgres, template) as (database_url, key), serving(database_url) as address:
        # when
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={"PARSTOCK": address, "KEY": key, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        # then: and what they are about happened
        assert done.returncode == 0, done.stdout + done.stderr
        assert query(database_url, "select count(*) from ledger.inventory_events") == [(2,)]
        assert query(database_url, "select count(*) from ledger.rejected_events") == [(1,)]
    for said in ('"status":"duplicate"', '"on_hand":', "retry: 2000", '"event_type":"sold"'):
        assert said in done.stdout
