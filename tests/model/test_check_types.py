"""What a field may hold is what it is annotated with, wherever the value was built."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

import numpy as np
import pytest

from hybridplace.errors import InputError
from hybridplace.model.check_types import type_faults
from hybridplace.model.job import Dataset
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem
from hybridplace.model.site import Market, Offer
from tests.problems import BOUGHT, NAMED, ONE_GPU, PLAIN, TRAIN

DATA = Dataset(id="d", tenant="t", size_gib=1.0, homes=("lab",))
LIMIT = Limit(id="l", measure=LimitMeasure.USD, at_most=1.0)

WRONG = {
    "a list of jobs": ({"jobs": [TRAIN]}, "jobs", "write a tuple"),
    "a job that is none": ({"jobs": ("train",)}, "jobs[0]", ""),
    "one label": ({"jobs": (replace(TRAIN, labels="phi"),)}, "jobs[train].labels", "('phi',)"),
    "one home": ({"datasets": (replace(DATA, homes="lab"),)}, "datasets[d].homes", "('lab',)"),
    "a label that is no text": (
        {"jobs": (replace(TRAIN, labels=("phi", 1)),)},
        "jobs[train].labels[1]",
        "",
    ),
    "a number as text": (
        {"jobs": (replace(TRAIN, shapes=(replace(ONE_GPU, cpus="4"),)),)},
        "jobs[train].shapes[0].cpus",
        "",
    ),
    "half a worker": (
        {"jobs": (replace(TRAIN, shapes=(replace(ONE_GPU, workers=1.5),)),)},
        "jobs[train].shapes[0].workers",
        "",
    ),
    "yes for a number": ({"horizon_h": True}, "horizon_h", ""),
    "decimal money": (
        {"offers": (replace(BOUGHT, price_usd_h=Decimal(4)),)},
        "offers[near/g4/on_demand].price_usd_h",
        "",
    ),
    "no number": ({"slot_h": None}, "slot_h", ""),
    "a market by its text": (
        {"offers": (replace(BOUGHT, market="owned"),)},
        "offers[near/g4/on_demand].market",
        "",
    ),
    "no work": ({"jobs": (replace(TRAIN, work=None),)}, "jobs[train].work", ""),
    "a time that is text": ({"now": "2026-01-05"}, "now", ""),
    "a measure by its text": (
        {"limits": (replace(LIMIT, measure="usd"),)},
        "limits[l].measure",
        "",
    ),
    "one rule": (
        {"denials": (Denial(action="place", subjects=("j",), sites=("s",), rules="r"),)},
        "denials[0].rules",
        "('r',)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_another_type_is_refused(name: str) -> None:
    """One fault each, with the path, and with what to write where people slip."""
    changes, path, remedy = WRONG[name]

    with pytest.raises(InputError) as refused:
        replace(PLAIN, **changes)

    (fault,) = refused.value.faults
    assert path == fault.path
    assert remedy in fault.remedy


def test_all_types_are_told_at_once() -> None:
    """Whoever mends one hears of the others."""
    with pytest.raises(InputError) as refused:
        replace(PLAIN, now=None, slot_h="1", jobs=(replace(TRAIN, inputs=["d"], reject_usd=""),))

    assert ["now", "slot_h", "jobs[train].inputs", "jobs[train].reject_usd"] == [
        fault.path for fault in refused.value.faults
    ]


@pytest.mark.parametrize("name", NAMED)
def test_right_values_pass(name: str) -> None:
    """Nothing is said of a problem whose fields hold what they should."""
    assert [] == list(type_faults(NAMED[name]))


def test_numbers_of_numpy_pass_where_python_counts_them_as_its_own() -> None:
    """A float64 is a float, and makes the same problem."""
    offer = replace(BOUGHT, price_usd_h=np.float64(4.0))

    assert replace(PLAIN, offers=(offer,)).digest == replace(PLAIN, offers=(BOUGHT,)).digest


def test_no_field_of_a_problem_goes_unseen() -> None:
    """Put an object that nothing may hold into each field of an offer and of a problem in turn."""
    for kind, right in ((Offer, BOUGHT), (Problem, PLAIN)):
        for field in fields(kind):
            values = {one.name: getattr(right, one.name) for one in fields(kind)}
            stand_in = _bare(kind, values | {field.name: object()})
            (fault,) = type_faults(stand_in)
            assert field.name == fault.path


def _bare(kind: type, values: dict[str, object]) -> object:
    """Make a value without the checks of its constructor."""
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def test_a_field_may_hold_one_of_several_types() -> None:
    """Tuples or nothing, one class or another, and whole numbers for numbers."""

    @dataclass(frozen=True, kw_only=True)
    class Loose:
        names: tuple[str, ...] | None
        market: Market | None
        size_gib: float

    right = Loose(names=None, market=None, size_gib=1)

    assert [] == list(type_faults(right))
    assert [] == list(type_faults(replace(right, names=("a",), market=Market.SPOT)))
    assert ["names[0]"] == [fault.path for fault in type_faults(replace(right, names=(1,)))]
