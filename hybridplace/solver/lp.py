r"""The linear program over the core of a master problem, box by box.

Within a box around some prices the core has every column that can matter, so the program, with the
box as bounds on its dual values, maximises the Lagrangian of the whole over the box. Rows whose
price ends at an edge get a wider box, until none does: then the prices are optimal (Marsten, Hogan
and Blankenship, "The boxstep method for large-scale optimization", Operations Research 23 (1975),
doi:10.1287/opre.23.3.389).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridplace.solver.instance import Bools, Floats, Ints
from hybridplace.solver.master import Core, Master, core

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ROUNDS = 12
"""Programs solved at most."""

WIDER = 8.0
"""What the box of a row grows by where the price ended at an edge."""

GAIN = 2e-7
"""Of the bound: a wider box that brings less is the last, the rest is not worth its programs."""

TOUCHED = 1e-7
"""Slack that counts as none, in units of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """What is known of a master problem whose columns may be taken in part.

    Parameters
    ----------
    price : floats, (m,)
        The best that were seen.
    bound_usd : float
        Their Lagrangian.
    columns, values : ints and floats
        Columns that are taken, ascending, and how much of each: above 0, at most 1 for each job.
    optimal : bool
        They keep all rows and cost `bound_usd`: both are optimal.
    """

    price: Floats
    bound_usd: float
    columns: Ints
    values: Floats
    optimal: bool


@dataclass(frozen=True, slots=True)
class _Vertex:
    """A solution of the program in a box.

    Parameters
    ----------
    taken : floats
        How much of each column.
    price : floats, (m,)
    at_edge : bools, (m,)
        The price would be better outside of the box.
    """

    taken: Floats
    price: Floats
    at_edge: Bools


def relax(master: Master, price: Floats, box: Floats) -> Relaxed:
    """Return the optimum of the linear program, or what some rounds come to.

    Parameters
    ----------
    price : floats, (m,)
        Where to start; the result is no worse.
    box : floats, (m,)
        How far from there the optimal prices are thought to be, above 0.
    """
    relaxed = Relaxed(
        price=price,
        bound_usd=master.bound_usd(price),
        columns=np.zeros(0, dtype=np.int64),
        values=np.zeros(0),
        optimal=False,
    )
    for _ in range(ROUNDS):
        near = core(master, relaxed.price, box)
        vertex = _solve(near.master, np.maximum(relaxed.price - box, 0.0), relaxed.price + box)
        if vertex is None:
            break
        before_usd, relaxed = relaxed.bound_usd, _better(master, relaxed, near, vertex)
        gain_usd = relaxed.bound_usd - before_usd
        if relaxed.optimal or 0.0 < gain_usd < GAIN * abs(before_usd):
            break
        box = np.where(vertex.at_edge, WIDER * box, box)
    return relaxed


def _better(master: Master, relaxed: Relaxed, near: Core, vertex: _Vertex) -> Relaxed:
    """Return the better prices, and what the latest program takes."""
    bound_usd = master.bound_usd(vertex.price)
    if bound_usd >= relaxed.bound_usd:
        relaxed = replace(relaxed, price=vertex.price, bound_usd=bound_usd)
    some = np.flatnonzero(vertex.taken > 0)
    columns = np.concatenate([near.decided, near.columns[some]])
    values = np.concatenate([np.ones(len(near.decided)), np.minimum(vertex.taken[some], 1.0)])
    order = np.argsort(columns)
    return replace(
        relaxed,
        columns=columns[order],
        values=values[order],
        optimal=not vertex.at_edge.any(),
    )


def _solve(master: Master, low: Floats, high: Floats) -> _Vertex | None:
    """Solve the program with prices between bounds; None if GLOP fails.

    Beyond what there is of a row, more can be bought at its highest price, and what is left over
    can be sold at its lowest.
    """
    from ortools.linear_solver.python import model_builder_helper as linear

    jobs, columns, rows = len(master.counts), len(master.cost_usd), len(low)
    saved_usd = master.cost_usd - np.repeat(master.reject_usd, master.counts)
    fair = [-master.unfair_usd] if master.shares else []
    cost_usd = np.concatenate([saved_usd, high, -low, fair])
    at_most = np.concatenate([np.ones(jobs), master.at_most])
    ceiling = np.concatenate([np.ones(columns), np.full(2 * rows, np.inf), np.ones(len(fair))])
    # Its stub knows no dimensions of arrays.
    model: Any = linear.ModelBuilderHelper()
    model.fill_model_from_sparse_data(
        np.zeros(len(cost_usd)),
        ceiling,
        cost_usd,
        np.full(jobs + rows, -np.inf),
        at_most,
        _coefficients(master),
    )
    solver = linear.ModelSolverHelper("glop")
    solver.solve(model)
    if not solver.has_solution():
        return None
    values = np.asarray(solver.variable_values())
    bought, sold = values[columns : columns + rows], values[columns + rows : columns + 2 * rows]
    return _Vertex(
        taken=values[:columns],
        price=np.clip(-np.asarray(solver.dual_values())[jobs:], low, high),
        at_edge=(bought > TOUCHED) | ((sold > TOUCHED) & (low > 0)),
    )


def _coefficients(master: Master) -> csr_matrix:
    """Return the matrix of `_solve`: jobs, then rows; columns, bought, sold, then `m`."""
    from scipy.sparse import block_array, coo_array, csr_array, csr_matrix, eye_array

    jobs, columns, rows = len(master.counts), len(master.cost_usd), len(master.at_most)
    one_each = csr_array((np.ones(columns), np.arange(columns), master.first), (jobs, columns))
    unit = eye_array(rows)
    blocks = [[one_each, None, None], [master.uses.T, -unit, unit]]
    if master.shares:
        share = np.arange(rows - master.shares, rows)
        uses = (np.full(len(share), master.worst), (share, np.zeros_like(share)))
        blocks = [[one_each, None, None, None], [*blocks[1], coo_array(uses, (rows, 1))]]
    return csr_matrix(block_array(blocks, format="csr"))
