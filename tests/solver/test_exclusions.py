"""Why jobs are left out: many jobs looked at together are told what each is told by itself."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.solver.instances import tenants_problem
from hybridplace.solver.exclusions import Exclusions, fewest_reasons, fewest_reasons_of
from hybridplace.solver.place import denying_rules
from hybridplace.solver.reasons import TEXT, Reason
from hybridplace.solver.tables import compile_problem
from tests.solver.crowding import crowded_problem


@pytest.mark.parametrize("seed", range(8))
def test_many_together_are_told_what_each_is_told(seed):
    """Serving jobs and others, of all hardware: the same masks as those of the exact model."""
    problem = tenants_problem(30, seed) if seed < 2 else crowded_problem(seed)
    compiled, numbers = compile_problem(problem), range(len(problem.jobs))
    found = list(fewest_reasons_of(problem, numbers))
    assert len(found) == len(numbers)
    for number in numbers:
        assert np.array_equal(found[number], fewest_reasons(compiled, number))


@pytest.mark.parametrize("seed", range(8))
def test_offers_are_counted_one_by_one(seed):
    """Policies count by rule and offer, other reasons by offer."""
    problem = crowded_problem(seed)
    told = Exclusions(problem, [])
    for number, masks in enumerate(fewest_reasons_of(problem, range(len(problem.jobs)))):
        name = problem.jobs[number].id
        counts = dict(told.counts(name, masks))
        for reason in Reason:
            if reason is not Reason.POLICY and (masks & reason.value).any():
                assert counts.pop(TEXT[reason]) == ((masks & reason.value) != 0).sum()
        denied = [problem.offers[row] for row in np.flatnonzero(masks & Reason.POLICY.value)]
        by_rule = [rule for offer in denied for rule in denying_rules(problem, name, offer)]
        for rule in set(by_rule):
            assert counts.pop(f"{TEXT[Reason.POLICY]} {rule}") == by_rule.count(rule)
        assert sum(counts.values()) == (masks == 0).sum()
