"""``python -m benchmarks.solver``: measure, compare with others, hold to what was recorded."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from benchmarks.solver.baseline import record, regressions
from benchmarks.solver.cases import CASES, Case, Size
from benchmarks.solver.measure import Row
from benchmarks.solver.runs import measured, medians
from benchmarks.solver.tables import machine, table


def main() -> int:
    """Run what the command line asks for; 1 if something got worse than recorded."""
    options = _options()
    rows: list[Row] = []
    for row in _rows(options):
        rows.append(row)
        if options.json:
            print(json.dumps(row), flush=True)
    middle = medians(rows)
    if not options.json:
        print(f"{machine()}; medians over seeds, (promised)\n\n{table(middle)}")
    if options.record:
        record(middle)
    worse = list(regressions(middle)) if options.check else []
    for told in worse:
        print(f"worse than recorded: {told}", file=sys.stderr)
    return 1 if worse else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solver", description=__doc__)
    parser.add_argument("--case", choices=sorted(CASES), action="append", help="only this one")
    parser.add_argument("--jobs", type=int, action="append", help="only sizes with so many jobs")
    parser.add_argument("--slots", type=int, help="with --jobs: a size of your own")
    parser.add_argument("--seed", type=int, action="append", help="only this one")
    parser.add_argument("--seeds", type=int, default=3, help="1 to this many (3)")
    parser.add_argument("--quick", action="store_true", help="only the sizes of `make bench`")
    parser.add_argument("--json", action="store_true", help="a JSON object per line, no table")
    parser.add_argument("--check", action="store_true", help="fail if worse than recorded")
    parser.add_argument("--record", action="store_true", help="record what is measured")
    return parser.parse_args()


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    seeds = options.seed or range(1, options.seeds + 1)
    for name in options.case or CASES:
        yield from measured(name, _sizes(CASES[name], options), seeds)


def _sizes(case: Case, options: argparse.Namespace) -> list[Size]:
    if options.slots and options.jobs:
        return [Size(jobs=jobs, slots=options.slots) for jobs in options.jobs]
    wanted = [one for one in case.sizes if one.jobs in options.jobs] if options.jobs else case.sizes
    return [one for one in wanted if one.quick or not options.quick]


if __name__ == "__main__":
    sys.exit(main())
