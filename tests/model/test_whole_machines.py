"""What whole machines can use of a quota."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybridplace.model.capacity import LARGEST_SUM, whole_machines


def _by_trying(at_most: int, counts: list[int]) -> int:
    sums = {0}
    for _ in range(at_most):
        sums |= {one + count for one in sums for count in counts if one + count <= at_most}
    return max(sums)


@given(st.integers(0, 40), st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_it_is_the_largest_sum(at_most: int, counts: list[int]) -> None:
    """No sum of machines within the quota is larger, and one is as large."""
    assert whole_machines(float(at_most), counts) == _by_trying(at_most, counts)


def test_large_quotas_keep_what_the_unit_leaves() -> None:
    """Beyond the search, multiples of the unit that all counts share are an upper bound."""
    assert whole_machines(16.0 * LARGEST_SUM + 7, (16.0, 24.0)) == 16.0 * LARGEST_SUM


def test_parts_of_machines_are_left_alone() -> None:
    """Counts that are not whole are no sums to search; without machines nothing is lost."""
    assert whole_machines(5.25, (0.5, 2.0)) == 5.25
    assert whole_machines(5.0, ()) == 5.0


def test_machines_larger_than_the_quota_use_nothing() -> None:
    """Where no machine fits, nothing can be used."""
    assert whole_machines(7.0, (8.0, 16.0)) == 0.0
