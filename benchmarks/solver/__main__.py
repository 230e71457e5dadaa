"""``python -m benchmarks.solver``: measure, compare with others, hold to what was recorded."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.solver.baseline import record, regressions
from benchmarks.solver.cases import CASES, Size
from benchmarks.solver.measure import Row
from benchmarks.solver.page import write_page
from benchmarks.solver.peers import RIVALS
from benchmarks.solver.replanning import SIZES, replan_table
from benchmarks.solver.runs import compared, measured, medians, repaired, savings
from benchmarks.solver.tables import machine, savings_table, table

PEERS, REPLAN = "peers", "replan"


def main() -> int:
    """Run what the command line asks for; 1 if something got worse than recorded."""
    options = _options()
    rows: list[Row] = []
    for row in _rows(options):
        rows.append(row)
        if options.json:
            print(json.dumps(row), flush=True)
    middle = medians(row for row in rows if row["case"] not in (PEERS, REPLAN))
    saved = savings(row for row in rows if row["case"] == PEERS)
    events = [row for row in rows if row["case"] == REPLAN]
    if not options.json:
        _show(middle, saved, events)
    if options.record:
        record(middle)
    if options.page:
        write_page(options.page, _tables(middle, saved, events), arguments=sys.argv[1:])
    worse = list(regressions(middle)) if options.check else []
    for told in worse:
        print(f"worse than recorded: {told}", file=sys.stderr)
    return 1 if worse else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solver", description=__doc__)
    names = [*CASES, REPLAN, PEERS]
    parser.add_argument("--case", choices=names, action="append", help="only this one")
    parser.add_argument("--rival", choices=sorted(RIVALS), action="append", help="of the peers")
    parser.add_argument(
        "--jobs",
        type=int,
        action="append",
        help="only sizes with so many jobs, or with --slots one of your own",
    )
    parser.add_argument("--slots", type=int, help="only sizes with so many slots")
    parser.add_argument("--seed", type=int, action="append", help="only this one")
    parser.add_argument("--seeds", type=int, default=5, help="1 to this many (5)")
    parser.add_argument("--quick", action="store_true", help="only the sizes of `make bench`")
    parser.add_argument("--json", action="store_true", help="a JSON object per line, no table")
    parser.add_argument("--check", action="store_true", help="fail if worse than recorded")
    parser.add_argument("--record", action="store_true", help="record what is measured")
    parser.add_argument("--page", type=Path, help="write the tables into this page")
    parser.add_argument("--skypilot", type=Path, help="the Python that has SkyPilot")
    return parser.parse_args()


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    seeds = options.seed or range(1, options.seeds + 1)
    for name in options.case or [*CASES, REPLAN, PEERS]:
        if name == PEERS:
            yield from _peers(options, seeds)
        elif name == REPLAN:
            yield from repaired(_sizes(SIZES, options), seeds)
        else:
            yield from measured(name, _sizes(CASES[name].sizes, options), seeds)


def _peers(options: argparse.Namespace, seeds: Sequence[int]) -> Iterator[Row]:
    for name in options.rival or RIVALS:
        rival = RIVALS[name]
        if rival.needs_skypilot and options.skypilot is None:
            print(f"{name}: left out, without --skypilot", file=sys.stderr)
            continue
        yield from compared(name, _sizes(rival.sizes, options), seeds, options.skypilot)


def _sizes(sizes: Sequence[Size], options: argparse.Namespace) -> list[Size]:
    """Return the sizes that are asked for; one of somebody's own if none is like that."""
    found = [
        one
        for one in sizes
        if (not options.jobs or one.jobs in options.jobs)
        and options.slots in (None, one.slots)
        and (one.quick or not options.quick)
    ]
    if not found and options.jobs and options.slots:
        return [Size(jobs=jobs, slots=options.slots) for jobs in options.jobs]
    return found


def _show(middle: Sequence[Row], saved: Sequence[Row], events: Sequence[Row]) -> None:
    print(machine())
    if middle:
        print(f"\nMedians over seeds, beside what is promised (in brackets)\n\n{table(middle)}")
    if events:
        told = "Events on a standing plan: medians over seeds, and the worst"
        print(f"\n{told}\n\n{replan_table(events)}")
    if saved:
        print(f"\nWhat our plans save, with 95 % intervals over seeds\n\n{savings_table(saved)}")


def _tables(
    middle: Sequence[Row], saved: Sequence[Row], events: Sequence[Row]
) -> Mapping[str, str]:
    """Return the tables of what was measured, by their marks in docs/performance.md."""
    written = {
        "measured": middle and table(middle, markdown=True),
        "events": events and replan_table(events, markdown=True),
        "savings": saved and savings_table(saved, markdown=True),
    }
    return {name: text for name, text in written.items() if isinstance(text, str)}


if __name__ == "__main__":
    sys.exit(main())
