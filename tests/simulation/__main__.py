"""Run seeds from a terminal: `python -m tests.simulation --help`."""

import argparse
import sys

from tests.simulation import campaign
from tests.simulation.planted import BUGS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=campaign.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds (1)")
    parser.add_argument("--schedules", type=int, default=0, help="decide each seed's journal under so many schedules")
    parser.add_argument("--bug", choices=BUGS, help="plant a bug")
    parser.add_argument("--trace", action="store_true", help="tell step by step what happens")
    asked = parser.parse_args()
    trace = print if asked.trace else None
    report = campaign.run(
        range(asked.seed, asked.seed + asked.seeds), asked.bug, schedules=asked.schedules, trace=trace
    )
    sys.stdout.write(f"{report}\n")
    return int(report.failed is not None)


if __name__ == "__main__":
    sys.exit(main())
