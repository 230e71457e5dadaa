"""Why a job cannot use an offer: one bit each, so that one pass tells all reasons at once."""

from __future__ import annotations

from enum import IntFlag


class Reason(IntFlag):
    """Reasons that exclude a pair of job and offer whatever else is planned."""

    ACCELERATOR = 1
    SIZE = 2
    SOLD_OUT = 4
    PRICE_UNKNOWN = 8
    FIGURE_UNKNOWN = 16
    INTERCONNECT = 32
    REPLICAS = 64
    NEVER_ENDS = 128
    POOL_SIZE = 256
    QUOTA = 512
    LATENCY = 1024
    POLICY = 2048
    DATA = 4096
    RESULTS = 8192
    TIME = 16384
    LIMIT = 32768
    ARCHITECTURE = 65536


TEXT: dict[Reason, str] = {
    Reason.ACCELERATOR: "has another accelerator than the job can use",
    Reason.ARCHITECTURE: "has CPUs of an architecture that the job's image does not run on",
    Reason.SIZE: "one machine is too small for one worker",
    Reason.SOLD_OUT: "is sold out",
    Reason.PRICE_UNKNOWN: "has no price",
    Reason.FIGURE_UNKNOWN: "power, energy price or carbon intensity is not known",
    Reason.INTERCONNECT: "the interconnect between its machines is too slow for the gang",
    Reason.REPLICAS: "the load needs more replicas than max_replicas",
    Reason.NEVER_ENDS: "interruptions would keep the job from ever ending",
    Reason.POOL_SIZE: "the whole pool is too small",
    Reason.QUOTA: "the whole quota is too small",
    Reason.LATENCY: "too far from the job's users, or the latency is not known",
    Reason.POLICY: "denied by policy",
    Reason.DATA: "an input may not, or cannot, be brought there in time",
    Reason.RESULTS: "a result may not, or cannot, be delivered from there",
    Reason.TIME: "would end after the deadline or the horizon",
    Reason.LIMIT: "would exceed a limit all by itself",
}


_BITS = tuple((reason.value, reason) for reason in Reason)


def reasons_of(mask: int) -> tuple[Reason, ...]:
    """Return the reasons in a mask, in the order of their bits."""
    return tuple(reason for bit, reason in _BITS if mask & bit)
