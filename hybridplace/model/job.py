"""Jobs and the data they read and write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of work a job does; each behaves differently (see the classes below)."""

    TRAINING = "training"
    INFERENCE = "inference"
    PREPROCESSING = "preprocessing"
    TUNING = "tuning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one worker of a job needs, and how fast it then works.

    A job lists one shape per accelerator it can use; the plan picks one.

    Parameters
    ----------
    accelerator : str or None
        Catalog name, as ``A100-80GB``; None for CPU only.
    accelerators : float
        Per worker: a whole number, or 1/2, 1/4 or 1/8 of one that is shared; 0 for CPU only.
    cpus, memory_gib, disk_gib : float
        Per worker.
    workers : int
        Size of the gang, which starts together; for tuning, the runs that go on at a time. Not
        used by inference, where the load decides.
    architectures : tuple of str
        CPUs that the job's image runs on: ``x86_64``, ``arm64``.
    units_h : float
        Throughput of one worker in the job's own unit per hour: samples (training), requests
        (inference), GiB (preprocessing), runs (tuning).
    """

    accelerator: str | None = None
    accelerators: float = 0.0
    cpus: float
    memory_gib: float
    disk_gib: float = 0.0
    workers: int = 1
    architectures: tuple[str, ...] = ("x86_64",)
    units_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How a job saves its progress: every `interval_h`, paying `write_h`, `restart_h` to resume."""

    interval_h: float
    write_h: float = 0.0
    restart_h: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Work through `units` samples as one gang.

    Parameters
    ----------
    units : float
        Samples x epochs.
    efficiency : float
        Share of the linear speed-up that a gang of several workers keeps, in (0, 1].
    interconnect_gbps : float or None
        What a gang that spans several machines needs between them.
    """

    units: float
    efficiency: float = 1.0
    interconnect_gbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """A group of users: the site they are at, or nearest to, and their share of the requests."""

    site: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """Answer requests for `hours`, with as many replicas as the load of the hour asks for.

    On own nodes replicas follow the load; bought machines are held at its peak.

    Parameters
    ----------
    load_rps : tuple of float
        Requests per second: one value, or 24, one per hour of the day in UTC.
    hours : float
        How long to serve, from the job's `earliest_h`.
    users : tuple of Users
        Where requests come from; shares add up to 1.
    service_ms : float
        Time to answer one request, without the network.
    latency_limit_ms : float or None
        No group of users may see more (round trip + service): a rule.
    latency_target_ms, latency_usd_ms_h : float
        Each millisecond beyond the target costs this much per hour, weighted by share.
    min_replicas, max_replicas : int, int or None
    """

    load_rps: tuple[float, ...]
    hours: float
    users: tuple[Users, ...] = ()
    service_ms: float = 0.0
    latency_limit_ms: float | None = None
    latency_target_ms: float | None = None
    latency_usd_ms_h: float = 0.0
    min_replicas: int = 1
    max_replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Stream `data_gib` through the workers, which share it evenly."""

    data_gib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Do many short runs, `Shape.workers` at a time."""

    runs: int


Work = Training | Inference | Preprocessing | Tuning


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where a program finds data.

    Parameters
    ----------
    dataset : str
        One that the job reads or writes.
    source : str
        Where the data is: a URL, as ``s3://bucket/scans``, or a path on own machines.
    path : str
        Where the program sees it; absolute.
    """

    dataset: str
    source: str
    path: str
    read_only: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a job starts on its machines. No secret belongs here: it is told to providers.

    Parameters
    ----------
    command : tuple of str
        The program and its arguments; no shell reads them.
    image : str or None
        The container that it runs in; None: on the machine itself.
    checkpoint : str or None
        Where it saves its progress: a URL, or a path on own machines.
    environment : tuple of (str, str)
        Names, each once, and values.
    mounts : tuple of Mount
    """

    command: tuple[str, ...]
    image: str | None = None
    checkpoint: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work to place.

    Parameters
    ----------
    tenant : str
        Who pays.
    shapes : tuple of Shape
        Alternatives; the plan picks one.
    inputs, outputs : tuple of str
        Datasets read and written; an output that another job reads orders the two.
    labels : tuple of str
        What policies see of the job, beside the labels of its inputs.
    earliest_h, deadline_h : float, float or None
        Hours since `Problem.now`; finishing after the deadline is a breach.
    due_h, late_usd_h : float or None, float
        Finishing after `due_h` costs `late_usd_h` per hour.
    setup_h : float
        Paid time before work begins (boot, images, environment).
    checkpoint : Checkpoint or None
        None: an interruption starts the job over.
    public : bool
        Each machine has a public address.
    same_site_as, apart_from : tuple of str
        Jobs that must, or must not, be at the same site when both are placed.
    work_range : tuple of two floats, or None
        The work is between these times what is stated, log-uniform; None: exactly that. What is
        planned with is `Assumptions.quantile` of it.
    reject_usd : float
        What leaving the job out costs: the last resort, so that a plan always exists.
    move_usd : float
        What moving it off the offer it runs on costs.
    program : Program or None
        What is started once it has its machines; no plan depends on it. None: nothing.
    """

    id: str
    tenant: str
    work: Work
    shapes: tuple[Shape, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    earliest_h: float = 0.0
    deadline_h: float | None = None
    due_h: float | None = None
    late_usd_h: float = 0.0
    setup_h: float = 0.0
    checkpoint: Checkpoint | None = None
    public: bool = False
    same_site_as: tuple[str, ...] = ()
    apart_from: tuple[str, ...] = ()
    work_range: tuple[float, float] | None = None
    reject_usd: float = 100_000.0
    move_usd: float = 0.0
    program: Program | None = None

    @property
    def kind(self) -> Kind:
        """Which of the four kinds of work this is."""
        return _KINDS[type(self.work)]


_KINDS: dict[type[Work], Kind] = {
    Training: Kind.TRAINING,
    Inference: Kind.INFERENCE,
    Preprocessing: Kind.PREPROCESSING,
    Tuning: Kind.TUNING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Data that jobs read or write.

    Parameters
    ----------
    tenant : str
        Who pays for moving it.
    homes : tuple of str
        Sites that hold it now; empty for a dataset that a job produces.
    labels : tuple of str
        What policies see: ``phi``, ``personal``, ``restricted``, ``anonymised``, ...
    origin : str or None
        Country or jurisdiction whose law follows the data, as ``EEA``.
    deliver_to : tuple of str
        Sites that must receive a copy: of data with homes in any plan, of what a job produces once
        it has.
    """

    id: str
    tenant: str
    size_gib: float
    homes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    origin: str | None = None
    deliver_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Who jobs and budgets belong to; `weight` is its share when capacity is short."""

    id: str
    weight: float = 1.0
