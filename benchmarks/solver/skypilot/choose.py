"""Asks SkyPilot's optimizer about each job; run by the Python that has SkyPilot, with HOME set.

``python choose.py JOBS`` reads a JSON array of jobs and prints what SkyPilot chose for each of
them, and the CPU seconds that this took. Clouds are said to be enabled; nothing is asked of them,
and all prices come from the catalog files in HOME. The first job is asked twice, to load what
SkyPilot loads once; that is not counted. SkyPilot leaves it to its user into how many nodes a gang
is split: here it may try every way, of which only the first is counted in the time.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

Job = dict[str, Any]


def main(path: str) -> None:
    """Print one JSON object with a choice, or null, per job."""
    import sky
    from sky import clouds

    logging.disable(logging.CRITICAL)
    jobs: list[Job] = json.loads(Path(path).read_text(encoding="utf-8"))
    enabled = [clouds.AWS(), clouds.Azure(), clouds.GCP()]
    with (
        mock.patch("sky.check.get_cached_enabled_clouds_or_refresh", return_value=enabled),
        mock.patch("sky.catalog.aws_catalog._get_az_mappings", return_value=None),
        mock.patch("sky.clouds.AWS.get_active_user_identity", return_value=["nobody"]),
    ):
        _choose(jobs[0], jobs[0]["layouts"][0])
        begin = _cpu_s()
        first = [_choose(job, job["layouts"][0]) for job in jobs]
        cpu_s = _cpu_s() - begin
        others = [[_choose(job, layout) for layout in job["layouts"][1:]] for job in jobs]
    chosen = [
        min(filter(None, (one, *more)), key=lambda choice: choice["usd"], default=None)
        for one, more in zip(first, others, strict=True)
    ]
    print(json.dumps({"version": sky.__version__, "cpu_s": cpu_s, "chosen": chosen}))


def _choose(job: Job, layout: Job) -> dict[str, Any] | None:
    """Return SkyPilot's choice: on spot if any spot machine fits, else on demand."""
    from sky import exceptions

    for spot in (True, False):
        try:
            return _optimized(job, layout, spot=spot)
        except exceptions.ResourcesUnavailableError:
            continue
    return None


def _optimized(job: Job, layout: Job, *, spot: bool) -> dict[str, Any]:
    """Run the optimizer on one job: any of its accelerators, each with the hours it would take."""
    import sky
    from sky.optimizer import Optimizer

    seconds = {name: hours * 3600 for name, hours in job["hours"].items()}
    with sky.Dag() as dag:
        task = sky.Task(name=job["id"], run="true", num_nodes=layout["nodes"])
        task.set_resources(
            {
                sky.Resources(
                    accelerators={name: layout["accelerators"]},
                    cpus=f"{layout['cpus']}+",
                    memory=f"{layout['memory_gib']}+",
                    use_spot=spot,
                )
                for name in seconds
            }
        )
        task.set_time_estimator(lambda asked: seconds[next(iter(asked.accelerators))])
    Optimizer.optimize(dag, quiet=True)
    best = task.best_resources
    return {
        "cloud": str(best.cloud).lower(),
        "region": best.region,
        "instance_type": best.instance_type,
        "spot": best.use_spot,
        "usd": layout["nodes"] * best.get_cost(seconds[next(iter(best.accelerators))]),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1])
