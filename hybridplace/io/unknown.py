"""What to write instead of a field that does not exist: another unit, or the right name."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from hybridplace.io.document import number
from hybridplace.units import (
    GIGABITS_PER_GIB,
    GRAMS_PER_TONNE,
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    SECONDS_PER_HOUR,
    WATTS_PER_KILOWATT,
)

_GIB_PER_GB = 8 / GIGABITS_PER_GIB
_KILO, _KIBI = 1000.0, 2.0**10

# Of what each unit is, and how many of the model's own unit (the one of factor 1) it is.
_UNITS: dict[str, tuple[str, float]] = {
    "b": ("data", _KIBI**-3),
    "bytes": ("data", _KIBI**-3),
    "kb": ("data", _GIB_PER_GB / _KILO**2),
    "kib": ("data", _KIBI**-2),
    "mb": ("data", _GIB_PER_GB / _KILO),
    "mib": ("data", 1 / _KIBI),
    "gb": ("data", _GIB_PER_GB),
    "gib": ("data", 1.0),
    "tb": ("data", _GIB_PER_GB * _KILO),
    "tib": ("data", _KIBI),
    "ms": ("time", 1 / SECONDS_PER_HOUR / _KILO),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1 / SECONDS_PER_HOUR)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", 60 / SECONDS_PER_HOUR)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("time", 1.0)),
    **dict.fromkeys(("d", "day", "days"), ("time", float(HOURS_PER_DAY))),
    **dict.fromkeys(("month", "months"), ("time", HOURS_PER_MONTH)),
    "kbps": ("rate", _KILO**-2),
    "mbps": ("rate", 1 / _KILO),
    "gbps": ("rate", 1.0),
    "tbps": ("rate", _KILO),
    "rps": ("load", 1.0),
    "qps": ("load", 1.0),
    "rpm": ("load", 1 / 60),
    "rph": ("load", 1 / SECONDS_PER_HOUR),
    "g": ("mass", 1.0),
    "kg": ("mass", _KILO),
    "t": ("mass", GRAMS_PER_TONNE),
    "w": ("power", 1.0),
    "kw": ("power", WATTS_PER_KILOWATT),
    "wh": ("energy", 1 / WATTS_PER_KILOWATT),
    "kwh": ("energy", 1.0),
    "mwh": ("energy", _KILO),
    "usd": ("money", 1.0),
    "cents": ("money", 0.01),
    "deg": ("angle", 1.0),
    "units": ("work", 1.0),
}

# Names people bring from elsewhere, too far from ours for a comparison of letters.
_ELSEWHERE = {
    "gpu": "accelerators",
    "gpus": "accelerators",
    "gpu_count": "accelerators",
    "gpu_type": "accelerator",
    "ram": "memory_gib",
    "ram_gb": "memory_gib",
    "ram_gib": "memory_gib",
    "replicas": "min_replicas",
    "vcpu": "cpus",
    "vcpus": "cpus",
}


def instead_of(name: str, known: Collection[str]) -> tuple[str | None, str]:
    """Return the field that was meant by `name`, which is none of `known`, and the remedy."""
    for field in known:
        remedy = _other_unit(name, field)
        if remedy:
            return field, remedy
    near = [_ELSEWHERE[name]] if _ELSEWHERE.get(name) in known else nearest(name, known)
    if near:
        return near[0], f"write {near[0]}"
    return None, f"remove it, or write one of {', '.join(known)}"


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Return the known name that `name` most likely means, or nothing."""
    return get_close_matches(name, known, n=1, cutoff=0.7)


def _split(name: str) -> tuple[list[str], list[str]]:
    """Return the words of a name that are no units, and those that are."""
    words = name.lower().split("_")
    stem = [word for word in words if word not in _UNITS]
    if stem and words[0] == "min":  # the least, not minutes
        return words, []
    return stem, [word for word in words if word in _UNITS]


def _other_unit(name: str, field: str) -> str | None:
    """Return the remedy if `name` is `field` in another unit, or without one."""
    stem, units = _split(name)
    field_stem, field_units = _split(field)
    if stem != field_stem or not field_units or not (stem or units):
        return None
    if not units:
        return f"write {field}, in {' per '.join(field_units)}"
    dimensions = [[_UNITS[unit][0] for unit in each] for each in (units, field_units)]
    if dimensions[0] != dimensions[1]:
        return None
    return f"write {field}{_conversion(units, field_units, rate='per' in stem)}"


def _conversion(units: list[str], wanted: list[str], *, rate: bool) -> str:
    """Return how to convert; the first unit is above the line, the others, or a rate's, below."""
    factor = 1.0
    for index, (unit, other) in enumerate(zip(units, wanted, strict=True)):
        ratio = _UNITS[unit][1] / _UNITS[other][1]
        factor *= 1 / ratio if index or rate else ratio
    if abs(factor - 1) < 1e-9:
        return ", the number stays"
    inverse = 1 / factor
    if factor < 1 and abs(inverse - round(inverse)) < 1e-9 * inverse:
        return f", the number divided by {number(round(inverse))}"
    return f", the number times {number(float(f'{factor:.7g}'))}"
