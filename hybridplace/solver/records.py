"""What compiled functions read while a problem is compiled: records, and tuples of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.problem import LimitMeasure
from hybridplace.solver.instance import Bools, Floats, Indices, Ints

STEADY, LEAST, MOST = range(3)
"""Tariffs, in the order of `Offered.figures`."""

CRITERIA, SLOTS, LATEST, SHARE = 8, 4, 5, 7
"""How many things must be no more where a pair replaces another; the columns of some of them:
slots, less the latest start, less what it adds to the share of its tenant."""

MEASURES = {measure: number for number, measure in enumerate(LimitMeasure)}
USD, CARBON_G, ACCELERATOR_H = (MEASURES[one] for one in list(LimitMeasure)[:3])

_F, _I, _B = np.float64, np.int32, np.bool_
JOB = np.dtype(
    [(name, _B) for name in ("serves", "tunes", "public", "sited", "fair")]
    + [(name, _I) for name in ("policy", "held")]
    + [(name, _F) for name in ("amount", "factor", "interconnect_gbps", "interval_h", "write_h")]
    + [(name, _F) for name in ("restart_h", "setup_h", "earliest_h", "deadline_h", "due_h")]
    + [(name, _F) for name in ("late_usd_h", "move_usd", "reject_usd")],
    align=True,
)
"""A job: `needs.JobTable`, `options.Ties`, and what `supply.Chunk` knows of it."""

SHAPE = np.dtype(
    [(name, _I) for name in ("job", "hardware", "look")]
    + [(name, _F) for name in ("accelerators", "cpus", "memory_gib", "disk_gib", "workers")]
    + [(name, _F) for name in ("units_h", "work_h", "peak", "most", "replica_h")],
    align=True,
)
"""A shape of a job: `needs.ShapeTable`, the row of `Looks`; replicas at the peak, the most, hours.

Of a job that does not serve `peak` are its workers.
"""

KIND = np.dtype(
    [("owned", _B)]
    + [(name, _F) for name in ("accelerators", "cpus", "memory_gib", "board_w")]
    + [(name, _F) for name in ("interconnect_gbps", "interruptions_per_h")]
    + [(name, _F) for name in ("disk_usd_gib_h", "address_usd_h")],
    align=True,
)
"""`offers.Kinds`."""

OFFER = np.dtype(
    [(name, _I) for name in ("site", "kind", "group")]
    + [(name, _B) for name in ("owned", "priced", "available")]
    + [(name, _F) for name in ("quota", "at_most")],
    align=True,
)
"""`offers.OfferTable`."""

FIGURES = ("price_usd_h", "machine_usd_h", "machine_g_h", "kwh_usd", "kwh_money_usd", "kwh_g")
FIGURE = np.dtype([(name, _F) for name in FIGURES], align=True)
"""`tariffs.Tariff` of an offer."""

RUN = np.dtype(
    [("runs", _B)]
    + [(name, _F) for name in ("machines", "hours", "machine_h", "worker_h", "own_kwh")],
    align=True,
)
"""`runs.Runs` of a shape on a kind, and what it draws there if that is own nodes."""

PAIR = np.dtype(
    [(name, _I) for name in ("shape", "offer")]
    + [(name, _F) for name in ("hours", "usd", "late_usd", "quota", "machine_h", "own_kwh")]
    + [("first", _F)],
    align=True,
)
"""A pair: at the steady tariff, without lateness; lateness, and the slot, of its first start."""

TRIAL = np.dtype(
    [("offer", _I), ("ok", _B)] + [(name, _F) for name in ("low", "high", "late", "first")],
    align=True,
)
"""A pair on trial: what it costs at the least and at the most, lateness, the first slot."""

Records = NDArray[np.void]


class Offered(NamedTuple):
    """What offers are to all jobs: rows of `figures` are tariffs, those of `sizes` nodes alike.

    Parameters
    ----------
    counted : bools, (L, offers)
        Whether limits are about an offer, whatever its accelerator.
    at_most : floats, (L,)
        Of each limit, tolerance included.
    sizes : floats, (any, 5)
        Accelerators, CPUs, GiB, Gbit/s, and how many nodes are alike.
    first_size : ints, (G + 1,)
    """

    kinds: Records
    offers: Records
    figures: Records
    denied: Bools
    counted: Bools
    measure: Ints
    at_most: Floats
    sizes: Floats
    first_size: Ints


class Asked(NamedTuple):
    """Some jobs: sites are to them (S, J), limits theirs (J, most), on hardware (L, hardwares)."""

    jobs: Records
    shapes: Records
    site_reasons: Indices
    site_usd: Floats
    ready_h: Floats
    limit: Indices
    on: Bools


class Looked(NamedTuple):
    """Offers worth a look, own ones first, and their kinds; and what is found out about them.

    Parameters
    ----------
    first, first_kind : ints
        Row numbers by `SHAPE.look`.
    runs, trials : records
        Of one shape: all kinds; a look.
    uses : floats, (3, trials, most)
        What those count towards the limits of their job, by tariff.
    """

    first: Ints
    offer: Indices
    first_kind: Ints
    kind: Indices
    runs: Records
    trials: Records
    uses: Floats


class Found(NamedTuple):
    """Pairs, and how many there are.

    Parameters
    ----------
    uses : floats, (n, most)
        What each counts towards the limits of its job, at the steady tariff.
    criteria : floats, (n, 8)
        What must be no more where it replaces another, but for costs and limits.
    """

    pairs: Records
    uses: Floats
    criteria: Floats
    total: Ints


class Fixed(NamedTuple):
    """Figures that hold for all; whether there are slots, and figures that change with them."""

    slot_h: float
    horizon_h: float
    cpu_w: float
    memory_w_gib: float
    is_timed: bool
    varies: bool


def records(dtype: np.dtype[np.void], columns: Any, count: int) -> Records:
    """Return columns as records; what they do not have is 0."""
    found = np.zeros(count, dtype)
    for name in dtype.names or ():
        if hasattr(columns, name):
            found[name] = getattr(columns, name)
    return found
