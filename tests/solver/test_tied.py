"""Who makes data does not move to where those who read it find no place any more."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Instance
from hybridplace.solver.seating import Seating
from hybridplace.solver.tied import _fitting, resettle
from tests.solver.small_data import small_data_instance


def _planned(instance: Instance) -> Holdings:
    """Place the jobs one by one, makers first, each where it ends soonest."""
    holdings, slots = Holdings(instance), instance.options.slots
    for job in np.argsort(holdings.depth, kind="stable").tolist():
        pairs = sorted(_fitting(holdings, job), key=lambda pair: pair[1] + slots[pair[0]])
        for option, start, usd in pairs[:1]:
            holdings.place(option, start, usd)
    return holdings


def _slow_is_cheap(instance: Instance) -> Instance:
    options = instance.options
    return replace(instance, options=replace(options, cost_usd=options.cost_usd / options.slots**3))


@pytest.mark.parametrize("seed", range(60))
def test_moving_a_maker_leaves_no_reader_out(seed: int) -> None:
    """As many are placed as before, even if to be slow is cheap, where no reader makes data too."""
    instance = _slow_is_cheap(small_data_instance(seed, jobs=6, slots=4))
    holdings = _planned(instance)
    seating = Seating(problem=Mock(), instance=instance, jobs=(), nodes={})
    for maker in np.unique(instance.data.maker[instance.data.maker >= 0]).tolist():
        readers = [job for made in holdings.makes[maker] for job in holdings.readers[made]]
        if holdings.site[maker] < 0 or any(holdings.makes[job] for job in readers):
            continue
        placed = (holdings.site >= 0).sum()
        resettle(seating, holdings, [maker])
        assert (holdings.site >= 0).sum() >= placed
