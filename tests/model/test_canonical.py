"""Equal values have equal digests, whatever they look like; NaN has none."""

from __future__ import annotations

import json
import math
import random
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.model.canonical import MANY, canonical_json, digest, to_plain
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market
from tests.problems import NAMED, PLAIN, small_problems

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_canonical_json_is_json_of_the_same_value(value: object) -> None:
    """Reading it back gives the value, and writing that again gives the same text."""
    text = canonical_json(value)

    assert value == json.loads(text)
    assert text == canonical_json(json.loads(text))


@pytest.mark.parametrize(("one", "other"), [(2, 2.0), (0.0, -0.0), ((1, 2), [1, 2]), (1e3, 1000)])
def test_equal_quantities_have_one_digest(one: object, other: object) -> None:
    """How a number or a list is held is no information."""
    assert digest(one) == digest(other)


@pytest.mark.parametrize(("one", "other"), [(2, 2.5), (0, None), (1, "1"), ("", None), ((), None)])
def test_different_values_have_different_digests(one: object, other: object) -> None:
    """Absent, zero and empty are not the same."""
    assert digest(one) != digest(other)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    """NaN and infinity have no JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest([1.0, number])


def test_canonical_json_by_hand() -> None:
    """Keys are sorted, nothing is spaced, whole floats are integers, enums are their values."""
    assert '{"a":[1,2.5,null],"b":"spot"}' == canonical_json(
        {"b": Market.SPOT, "a": (1.0, 2.5, None)}
    )


def test_to_plain_keeps_the_order_of_fields() -> None:
    """A value read in a file has its fields where the class has them."""
    site = PLAIN.sites[0]

    assert [field.name for field in fields(site)] == list(to_plain(site))


def test_a_moment_has_one_digest_in_every_zone() -> None:
    """7:30 in one zone is 6:30 in another."""
    other = PLAIN.now.astimezone(timezone(timedelta(hours=1)))

    assert PLAIN.digest == replace(PLAIN, now=other).digest


PARTS = ("jobs", "datasets", "tenants", "sites", "pools", "offers", "links", "limits", "rules")


@given(small_problems(), st.integers(0, 2**32))
def test_order_of_input_is_no_information(problem: Problem, seed: int) -> None:
    """A shuffled problem is the same problem."""
    chance = random.Random(seed)
    parts = (*PARTS, "denials", "leases")
    shuffled = {
        name: tuple(chance.sample(getattr(problem, name), len(getattr(problem, name))))
        for name in parts
    }

    assert problem.digest == replace(problem, **shuffled).digest
    assert problem == replace(problem, **shuffled)


@pytest.mark.parametrize(
    "change", [{"horizon_h": 5.0}, {"offers": ()}, {"policy_digest": "sha256:0"}, {"jobs": ()}]
)
def test_every_part_counts(change: dict[str, object]) -> None:
    """A problem with another part has another digest."""
    assert PLAIN.digest != replace(PLAIN, **change).digest  # type: ignore[arg-type]


def test_named_problems_differ() -> None:
    """No two of them are the same by accident."""
    assert len(NAMED) == len({problem.digest for problem in NAMED.values()})


def test_alike_jobs_are_written_like_others() -> None:
    """What many jobs share is written once, and the text is that of jobs that share nothing."""
    jobs = tuple(replace(PLAIN.jobs[0], id=f"{number}-\u00e9") for number in range(4))
    shared = canonical_json(_Jobs(jobs=jobs))
    apart = canonical_json(_Jobs(jobs=tuple(map(deepcopy, jobs))))

    assert shared == apart
    told = ",".join(map(canonical_json, jobs))
    assert shared == f'{{"jobs":[{told}]}}'


@given(st.lists(values, min_size=1), st.integers(1, 3))
def test_many_values_are_written_like_single_ones(many: list[object], times: int) -> None:
    """They are written class by class and some at a time, which must not show."""
    text = canonical_json(_Jobs(jobs=tuple(many) * (MANY // len(many) + 1) * times))

    each = list(map(canonical_json, many)) * (MANY // len(many) + 1) * times
    assert text == f'{{"jobs":[{",".join(each)}]}}'


@dataclass(frozen=True)
class _Jobs:
    jobs: tuple[object, ...]
