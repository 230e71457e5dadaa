"""The main job, end to end: plan the hospital group's day, ask why, and run it dry.

Each step is a command that you can type yourself in this folder; all of it leaves the machine only
as text, and nothing but a temporary plan file is written.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

EXPLAINED = (
    ("explain", "encoder"),
    ("explain", "dashboard-germany", "aws/us-east-1/g4dn.xlarge/on_demand"),
    ("explain", "retrain-munich", "aws/eu-central-1/p4d.24xlarge/on_demand"),
)
"""Why it is where it is; why not there, by law; why not there, by the group's own rule."""


def main() -> int:
    """Run the commands one after another; stop at the first that fails."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = str(Path(scratch) / "plan.json")
        steps = [
            ("plan", "--now", "2026-11-24T00:00:00+00:00", "--output", plan),
            *((*words, "--plan", plan) for words in EXPLAINED),
            ("verify", plan),
            ("apply", "--dry-run", "--plan", plan),
        ]
        for words in steps:
            shown = " ".join(words).replace(plan, "plan.json")
            print(f"\n$ hybridplace {shown}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", "hybridplace", *words], cwd=FOLDER, check=False
            )
            if done.returncode:
                return done.returncode
    print("\n$ python baseline.py", flush=True)
    return subprocess.run([sys.executable, str(FOLDER / "baseline.py")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
