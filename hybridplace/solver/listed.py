"""Lists that machine code fills from the front."""

from __future__ import annotations

from hybridplace.solver.compiled import bare_inner
from hybridplace.solver.instance import Ints


@bare_inner
def is_listed(jobs: Ints, n: int, job: int) -> bool:
    """Tell whether a job is among the first n."""
    found = False
    for k in range(n):
        found |= jobs[k] == job
    return found
