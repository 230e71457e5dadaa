"""The problem as arrays, named as the formulas of docs/solver.md name them.

`compile` makes it, every later stage reads it and nothing else: J jobs, n options (an offer with a
shape, for one job), G capacity groups with three resources each, T slots, L limits, D datasets and
S sites. Absent parts are None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Indices = NDArray[np.int32]
Bools = NDArray[np.bool_]

RESOURCES = 3
"""Of a group of own nodes: accelerators, CPUs, GiB; of a quota: what it counts, in column 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    r"""What belongs to a job wherever it runs; J rows.

    Parameters
    ----------
    reject_usd : floats
        :math:`p_j`, the price of leaving it out.
    due_h, late_usd_h : floats
        Lateness costs `late_usd_h` for each hour after `due_h` (inf: never late).
    tenant : indices
        Whose share it adds to: among the tenants with a due (`fairness.dues`), in their order; -1
        if it has none, or unfairness costs nothing.
    """

    reject_usd: Floats
    due_h: Floats
    late_usd_h: Floats
    tenant: Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    r"""What each job may choose from once dominated pairs are gone; n rows, CSR by job.

    Those of job j are rows ``first[j]:first[j + 1]``, in the order of (group, cost, offer, shape).

    Parameters
    ----------
    first : ints
        J + 1 row numbers.
    job, offer, shape, site : indices
        Rows in the problem's jobs, offers, the job's shapes, the problem's sites.
    cost_usd : floats
        :math:`c_i`, what does not depend on the start: without lateness, hourly figures, data.
    hours : floats
        :math:`h_i`, from start to end.
    slots : indices
        :math:`d_i`, booked from the start on (starts lie on the grid).
    earliest, latest : indices
        :math:`T_i`, the first and the last slot it may start in.
    group : indices
        :math:`g_i`, what it competes for; -1 is nothing.
    use : floats, (n, 3)
        :math:`a_{ir}`, taken of each resource of the group in each booked slot.
    curve : indices
        -1: the same in each slot; else the row of `curves` that multiplies `use` in the slots
        from the start on (then `earliest` equals `latest`).
    curves : floats, (any, T)
        Shares of `use`, at most 1.
    limit, limit_use : indices and floats, (n, K)
        Limits that it counts towards, -1 from the first empty place on, and how much
        :math:`l_{ik}`. A move counts as 1 on each option of a running job but its own. Each
        failure domain of a spread is a limit that the options in it count towards as 1.
    share : floats
        :math:`e_i`, what it adds to the relative dominant share of its job's tenant, at most 1;
        0 on what is bought.
    """

    first: Ints
    job: Indices
    offer: Indices
    shape: Indices
    site: Indices
    cost_usd: Floats
    hours: Floats
    slots: Indices
    earliest: Indices
    latest: Indices
    group: Indices
    use: Floats
    curve: Indices
    curves: Floats
    limit: Indices
    limit_use: Floats
    share: Floats

    def of(self, job: int) -> slice:
        """Return the rows of a job."""
        return slice(int(self.first[job]), int(self.first[job + 1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    r"""What an option costs by the hour, where figures vary over time.

    Part k of option i that starts in slot t is :math:`r_{ik} (C_{q}(t + h_i) - C_{q}(t))` with
    :math:`q` its row and :math:`C_q` the integral of the figure over time, linear within a slot.
    Parts: 0 what machines cost, 1 what energy costs, 2 emissions in g.

    Parameters
    ----------
    rate : floats, (n, 3)
        :math:`r_{ik}`: machines billed, and kW (PUE included) for parts 1 and 2.
    row : indices, (n, 3)
        Row of `cumulative`; -1 where the part is in `cost_usd` already.
    cumulative : floats, (any, T + 1)
        :math:`C_q` at the start of each slot and at the end of the last.
    cost_weight : floats, (3,)
        What each part weighs in the objective: 1, 1, the price of a gram.
    limit_weight : floats, (L, 3)
        What each part weighs in each limit that the option counts towards.
    """

    rate: Floats
    row: Indices
    cumulative: Floats
    cost_weight: Floats
    limit_weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    r"""Which data jobs read and make, and what bringing it to a site costs.

    Parameters
    ----------
    reads : ints, (R, 2)
        (job, dataset), sorted.
    maker : indices, (D,)
        The job that makes a dataset; -1 if it has homes.
    fee_usd : floats, (D, S)
        :math:`f_{ds}`, of the cheapest copy from a home; 0 at homes and where it is delivered in
        any case, inf where none may come.
        Of made datasets 0 where a copy may come and inf elsewhere: what it costs depends on where
        it is made.
    ready_h : floats, (D, S)
        When that copy is there, at the earliest.
    size_gib : floats, (D,)
    usd_gib, gbps : floats, (S, S)
        Of the link from row to column; inf where it has no price, 0 and inf on the diagonal.
    copy_gib : floats, (D, S)
        :math:`z_d`, what a copy takes of the cache of a site; 0 where `fee_usd` is for no copy.
    cache_gib : floats, (S,)
        :math:`Z_s`, how large it is, without what comes in any case; inf where nothing bounds it.
    deliver : ints, (any, 2)
        (made dataset, site) that it must be brought to.
    limit : ints, (any, 3)
        (limit, dataset, site): copying that dataset there counts its USD towards that limit.
    """

    reads: Ints
    maker: Indices
    fee_usd: Floats
    ready_h: Floats
    size_gib: Floats
    usd_gib: Floats
    gbps: Floats
    copy_gib: Floats
    cache_gib: Floats
    deliver: Ints
    limit: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    r"""All of it.

    Parameters
    ----------
    capacity : floats, (G, 3, T)
        :math:`b_{grt}`, inf where a group does not have that resource.
    at_most : floats, (L,)
        :math:`B_k`, first of `Problem.limits`, then of spreads (`spreads.Spreads.rows`).
    unfair_usd : float
        :math:`\varphi`, the price of a worst-off tenant that gets nothing: the objective has
        :math:`\varphi (1 - m)` with :math:`m = \min(1, \min_u \sum_{i \in u} e_i x_i)`; 0
        where no tenant has a due.
    sunk_usd : float
        What delivering data with homes costs in any plan: it is part of no formula, and added to
        costs and bounds when they are told. What it counts towards limits is off `at_most`.
    same, apart : ints, (any, 2)
        Pairs of jobs that must, or must not, be at the same site if both are placed.
    """

    slot_h: float
    slots: int
    jobs: Jobs
    options: Options
    capacity: Floats
    at_most: Floats
    unfair_usd: float = 0.0
    sunk_usd: float = 0.0
    hourly: Hourly | None = None
    data: Data | None = None
    same: Ints
    apart: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    r"""Prices of what is scarce, none below 0: with them each job can be judged by itself.

    The value of the Lagrangian at any prices is a lower bound on what a plan costs:

    .. math:: \sum_j \min(p_j, \min_{i,t} \bar c_{it}) - \sum b \lambda - \sum B \mu
              + \min(\varphi, \sum_u \nu_u) + \text{unclaimed}

    with the reduced cost :math:`\bar c_{it} = c_{it} + \sum_{r,\tau} a_{ir} \lambda_{gr\tau}
    + \sum_k l_{itk} \mu_k - \nu_u e_i + q_{js}` for option i of job j and tenant u at site s
    (Fisher, "The Lagrangian relaxation method for solving integer programming problems",
    Management Science 27 (1981), doi:10.1287/mnsc.27.1.1). What jobs pay for data, :math:`q_{js}`,
    is stated by `copies.charges`, and "unclaimed", what is lost where readers pay more than a
    copy costs, by `copies.unclaimed_usd`.

    Parameters
    ----------
    capacity : floats, (G, 3, T)
        :math:`\lambda`, USD per unit and slot.
    limit : floats, (L,)
        :math:`\mu`.
    share : floats, (tenants,)
        :math:`\nu`.
    copy : floats, (R, S) or None
        :math:`\kappa`, what each reader of `Data.reads` pays towards a copy at each site.
    edge : floats, (R, S) or None
        :math:`\omega`, for reads of made data: paid by the reader at site s and earned by its
        maker there. Nothing is lost if :math:`\omega_s - \omega_q` never exceeds what copying
        from q to s costs.
    """

    capacity: Floats
    limit: Floats
    share: Floats
    copy: Floats | None = None
    edge: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a solver decided: per job its option (a row of `Options`, -1: left out) and its start.

    Parameters
    ----------
    option, start : ints, (J,)
        `start` is the slot; 0 where the job is left out.
    """

    option: Ints
    start: Ints
