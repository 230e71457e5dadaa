"""What copies of data cost: in a plan, where readers share them, and in the bound, as prices.

The model is the uncapacitated facility location problem with strong links, where a
dataset's copy at a site is a facility and its readers are the customers (Erlenkotter, "A
dual-based procedure for uncapacitated facility location", Operations Research 26 (1978),
doi:10.1287/opre.26.6.992). Results of pipelines are copied from where their makers run.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hybridplace.solver.instance import Data, Floats, Instance, Ints, Prices

CHUNK = 1 << 19
"""Triples (read, source, target) that are looked at together."""


def data_usd(data: Data, site: Ints) -> float:
    r"""Return what all copies of a plan cost: each dataset comes to each site once.

    :math:`\sum_{ds} f_{ds} y_{ds} + \sum_{dt} z_d u_{qt} y_{dt}`, the second over made data with
    q where they are made.

    Parameters
    ----------
    site : ints, (J,)
        Where each job runs, -1 if it is left out.

    Returns
    -------
    float
        USD; inf if a copy may not come, or what is read is not made.
    """
    dataset, target = copies_needed(data, site).T
    return float(copy_usd(data, site, dataset, target).sum())


def copies_needed(data: Data, site: Ints) -> Ints:
    """Return each (dataset, site) where one is read or delivered, with sites as in `data_usd`."""
    read = np.stack([data.reads[:, 1], site[data.reads[:, 0]]], axis=1)
    deliver = data.deliver[site[data.maker[data.deliver[:, 0]]] >= 0]
    needed = np.unique(np.concatenate([read, deliver]), axis=0)
    return needed[needed[:, 1] >= 0]


def copy_usd(data: Data, site: Ints, dataset: Ints, target: Ints) -> Floats:
    """Return what bringing dataset[k] to target[k] costs in a plan, with sites as in `data_usd`."""
    usd = data.fee_usd[dataset, target].copy()
    made = np.flatnonzero(data.maker[dataset] >= 0)
    source = site[data.maker[dataset[made]]]
    tariff = data.size_gib[dataset[made]] * data.usd_gib[source, target[made]]
    barred = np.isinf(usd[made])
    usd[made] = np.where(barred, np.inf, tariff)
    usd[made[source == target[made]]] = 0.0
    usd[made[source < 0]] = np.inf
    return usd


def charges(instance: Instance, prices: Prices) -> Floats:
    r"""Return what each job pays for data at each site, at some prices.

    :math:`\sum_{d \in R_j} \kappa_{jds} + \sum_{d \in R_j} \omega_{jds}
    - \sum_{d \in M_j} \sum_r \omega_{rds} + \sum_{d \in M_j} \sum_t z_d u_{st}`: its reads of data
    with homes, of results, what readers of its results pay, and deliveries. The last is no price.

    Returns
    -------
    floats, (J, S)
        inf where what it reads may not come.
    """
    data = _data(instance)
    job, dataset = data.reads.T
    made = data.maker[dataset] >= 0
    usd = np.zeros((len(instance.jobs.reject_usd), data.fee_usd.shape[1]))
    if prices.copy is not None:
        np.add.at(usd, job[~made], prices.copy[~made])
    if prices.edge is not None:
        np.add.at(usd, job[made], prices.edge[made])
        np.add.at(usd, data.maker[dataset[made]], -prices.edge[made])
    over = surcharge(data, prices.limit)
    for one, target in data.deliver:
        usd[data.maker[one]] += tariff_usd(data, one, over)[:, target]
    barred = ~made[:, None] & np.isinf(data.fee_usd[dataset])
    np.add.at(usd, job, np.where(barred, np.inf, 0.0))
    return usd


def extra_usd(instance: Instance, prices: Prices) -> Floats:
    """Return what each option pays for data, finite where that may not come; (n,)."""
    options = instance.options
    extra = charges(instance, prices)[options.job, options.site]
    return np.minimum(extra, 2.0 * float(instance.jobs.reject_usd.max(initial=0.0)))


def unclaimed_usd(instance: Instance, prices: Prices) -> float:
    r"""Return what the bound loses because readers pay more than a copy costs; at most 0.

    .. math:: \sum_{ds} \min(0, f_{ds} - \sum_j \kappa_{jds})
              + \sum_d \min_q \sum_t \min(0, z_d u_{qt} - \sum_r \max(0, \omega_{rt} - \omega_{rq}))

    the first over data with homes, the second over made data, where :math:`z_d u_{qt}` counts as 0
    if t is a place of delivery, which `charges` has already.
    """
    data = _data(instance)
    over = surcharge(data, prices.limit)
    made = data.maker >= 0
    total = 0.0
    if prices.copy is not None:
        paid = np.zeros(data.fee_usd.shape)
        np.add.at(paid, data.reads[:, 1], prices.copy)
        total += float(np.minimum(0.0, data.fee_usd * over - paid)[~made].sum())
    if prices.edge is not None:
        rows = np.flatnonzero(made[data.reads[:, 1]])
        delivered = {(int(one), int(target)) for one, target in data.deliver}
        for some in _by_dataset(data.reads[rows, 1], data.fee_usd.shape[1] ** 2):
            total += _overpaid_usd(data, prices.edge, rows[some], over, delivered)
    return total


def unpaid_usd(instance: Instance, prices: Prices, site: Ints) -> Floats:
    r"""Return what copies of a plan cost beyond what is paid for them, shared out; (J,).

    :math:`f_{ds} - \sum_j \kappa_{jds}` among the readers that are there; :math:`z_d u_{qs} -
    (\omega_s - \omega_q)` to those who read a result at s, with :math:`\omega_q` where they are
    left out though it is made: their maker earned it.

    Parameters
    ----------
    site : ints, (J,)
        As in `data_usd`.
    """
    data, unpaid = _data(instance), np.zeros(len(site))
    job, dataset = data.reads.T
    source = np.where(data.maker[dataset] >= 0, site[data.maker[dataset]], -1)
    there = np.flatnonzero(site[job] >= 0)
    target, of = site[job[there]], dataset[there]
    count = np.zeros(data.fee_usd.shape)
    np.add.at(count, (of, target), 1.0)
    usd = copy_usd(data, site, of, target) / count[of, target]
    if prices.copy is not None:
        paid = np.zeros(data.fee_usd.shape)
        np.add.at(paid, (of, target), prices.copy[there, target])
        usd -= np.where(data.maker[of] < 0, paid[of, target] / count[of, target], 0.0)
    if prices.edge is not None:
        made = np.flatnonzero(source[there] >= 0)
        usd[made] -= prices.edge[there[made], target[made]]
        waits = np.flatnonzero(source >= 0)
        np.add.at(unpaid, job[waits], prices.edge[waits, source[waits]])
    np.add.at(unpaid, job[there], usd)
    return unpaid


def _overpaid_usd(
    data: Data, edge: Floats, rows: Ints, over: Floats, delivered: set[tuple[int, int]]
) -> float:
    """Return the second sum of `unclaimed_usd` for reads of some made datasets."""
    datasets, which = np.unique(data.reads[rows, 1], return_inverse=True)
    claimed = np.zeros((len(datasets), edge.shape[1], edge.shape[1]))
    np.add.at(claimed, which, np.maximum(0.0, edge[rows][:, None, :] - edge[rows][:, :, None]))
    for k, one in enumerate(datasets):
        claimed[k] = np.minimum(0.0, reading_usd(data, int(one), over, delivered) - claimed[k])
    return float(claimed.sum(axis=2).min(axis=1).sum())


def reading_usd(data: Data, dataset: int, over: Floats, delivered: set[tuple[int, int]]) -> Floats:
    """Return what reading a made dataset costs by (source, target): 0 where it is delivered."""
    usd = tariff_usd(data, dataset, over)
    free = [s for s in range(usd.shape[1]) if (dataset, s) in delivered]
    usd[:, free] = 0.0
    return usd


def tariff_usd(data: Data, dataset: int, over: Floats) -> Floats:
    """Return what copying a made dataset costs by (source, target); inf where it may not go."""
    usd: Floats = data.size_gib[dataset] * data.usd_gib * over[dataset]
    usd[:, np.isinf(data.fee_usd[dataset])] = np.inf
    np.fill_diagonal(usd, 0.0)
    return usd


def surcharge(data: Data, limit_price: Floats) -> Floats:
    r"""Return :math:`1 + \sum_k \mu_k` over the limits that a copy's USD count towards; (D, S)."""
    over = np.ones(data.fee_usd.shape)
    if len(data.limit):
        np.add.at(over, (data.limit[:, 1], data.limit[:, 2]), limit_price[data.limit[:, 0]])
    return over


def _by_dataset(dataset: Ints, size: int) -> Iterator[Ints]:
    """Yield reads, those of a dataset always together, some `CHUNK / size` at a time."""
    order = np.argsort(dataset, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(dataset[order]) > 0]) if len(order) else order
    begin, most = 0, max(1, CHUNK // size)
    while begin < len(order):
        ends = first[first > begin]
        fit = ends[ends <= begin + most]
        end = int(fit[-1]) if len(fit) else int(ends[0]) if len(ends) else len(order)
        if len(order) - begin <= most:
            end = len(order)
        yield order[begin:end]
        begin = end


def _data(instance: Instance) -> Data:
    if instance.data is None:
        raise ValueError("there is no data")
    return instance.data
