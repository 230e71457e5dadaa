"""Conversions between the units hybridplace uses; the only place that knows 3600 or 1024."""

HOURS_PER_DAY = 24
HOURS_PER_MONTH = 730.0
SECONDS_PER_HOUR = 3600.0
GRAMS_PER_TONNE = 1_000_000.0
WATTS_PER_KILOWATT = 1000.0
GIGABITS_PER_GIB = 8 * 1024**3 / 1e9


def transfer_h(size_gib: float, gbps: float) -> float:
    """Return the hours that `size_gib` GiB take over a link of `gbps` Gbit/s."""
    return size_gib * GIGABITS_PER_GIB / gbps / SECONDS_PER_HOUR


def energy_kwh(power_w: float, hours: float) -> float:
    """Return the energy in kWh of `power_w` watts over `hours`."""
    return power_w * hours / WATTS_PER_KILOWATT
