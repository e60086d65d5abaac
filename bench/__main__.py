"""`make bench`: every figure in one run. `--retail FILE` adds the import of Online Retail."""

import subprocess
import sys
from pathlib import Path

RETAIL = Path(__file__).parents[2] / "shared" / "data" / "online_retail.parquet"


def main() -> None:
    parts = [["bench.ledger"], ["bench.filled"], ["bench.road"]]
    if RETAIL.exists():
        parts.append(["bench.road", "--retail", str(RETAIL)])
    else:
        print("left out: the import of Online Retail (its file is not beside the project)")
    for part in parts:
        print(f"\n== python -m {' '.join(part[:2])}", flush=True)
        subprocess.run([sys.executable, "-m", *part], check=True)


if __name__ == "__main__":
    main()
