"""How much CPU time `import hybridplace` and `hybridplace --help` take beyond a bare Python.

Run by `make bench`; exits with 1 when one of them takes more than 0.3 s.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

LIMIT_S = 0.3
HELP = "import sys; sys.argv = ['hybridplace', '--help']; from hybridplace.cli import main; main()"
STATEMENTS = {"import hybridplace": "import hybridplace", "hybridplace --help": HELP}


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_s(statement: str) -> float:
    """Return the CPU seconds, user and system, of a new Python that runs `statement`."""
    before_s = _children_cpu_s()
    subprocess.run([sys.executable, "-c", statement], check=True, stdout=subprocess.DEVNULL)
    return _children_cpu_s() - before_s


def median_cpu_s(statement: str, runs: int) -> float:
    """Return the median over `runs`, after one run that fills the caches."""
    cpu_s(statement)
    return statistics.median(cpu_s(statement) for _ in range(runs))


def main() -> int:
    """Measure, print one line each, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9, help="runs per statement (default 9)")
    runs = parser.parse_args().runs
    bare_s = median_cpu_s("pass", runs)
    print(f"{'bare python':20} {bare_s:6.3f} s CPU")
    extras_s = {name: median_cpu_s(code, runs) - bare_s for name, code in STATEMENTS.items()}
    for name, extra_s in extras_s.items():
        verdict = "ok" if extra_s <= LIMIT_S else "TOO SLOW"
        print(f"{name:20} {extra_s:+6.3f} s CPU, at most {LIMIT_S} s: {verdict}")
    return 1 if max(extras_s.values()) > LIMIT_S else 0


if __name__ == "__main__":
    sys.exit(main())
