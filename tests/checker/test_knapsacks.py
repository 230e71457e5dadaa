"""Pools of whole jobs: what they are worth at most."""

from __future__ import annotations

import numpy as np
import pytest

from hybridplace.checker.knapsacks import Knapsacks, most_worth


def _knapsacks(usd: float) -> Knapsacks:
    """Return one job, worth 5 USD, that takes an accelerator of group 0 for so much."""
    one = np.zeros(1, np.int64)
    return Knapsacks(
        chosen=np.array([True, False]),
        job_usd=np.array([5.0]),
        job=[one],
        group=[one],
        eighths=[one + 8],
        usd=[np.array([usd])],
        alike=[one + 1],
    )


@pytest.mark.parametrize(("elsewhere_usd", "usd"), [(9.0, 5.0 - 2.0), (3.0, 3.0 - 0.0)])
def test_a_pool_that_is_worth_nothing_takes_nothing(elsewhere_usd, usd):
    """Elsewhere the job costs no more than here, though its price is higher: nobody gains."""
    knapsacks = _knapsacks(3.0)
    terms = knapsacks.terms_usd(np.array([elsewhere_usd]), np.array([1.0, np.inf]))
    assert sum(terms) == pytest.approx(usd)


def test_nothing_to_choose_from_is_worth_nothing():
    """Without any choice nothing is gained."""
    none = np.zeros(0, np.int64)
    assert most_worth(none, none, np.zeros(0), none, 4) == 0.0
