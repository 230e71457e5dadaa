"""What stands in a jobs file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hybridplace.io.constraints import (
    Accelerators,
    Amount,
    CountFromOne,
    Form,
    Name,
    Names,
    Path,
    Positive,
    SomeFraction,
    Text,
    Variables,
)
from hybridplace.model.job import Kind


class ShapeForm(Form):
    """What one worker needs, and how fast it then works; the plan picks one of a job's shapes."""

    accelerator: Name | None = Field(None, description="catalog name, as A100-80GB; none: CPU only")
    accelerators: Accelerators = Field(
        0.0, description="per worker: whole, or 0.5, 0.25, 0.125 of a shared one"
    )
    cpus: Positive = Field(description="virtual CPUs per worker")
    memory_gib: Positive = Field(description="memory per worker, GiB")
    disk_gib: Amount = Field(0.0, description="disk per worker, GiB")
    workers: CountFromOne = Field(
        1, description="size of the gang; for tuning, runs at a time; unused by inference"
    )
    architectures: Annotated[list[Literal["x86_64", "arm64"]], Field(min_length=1)] = Field(
        ["x86_64"], description="CPUs that the job's image runs on"
    )
    units_h: Positive = Field(
        description="what one worker does per hour: samples, requests, GiB or runs, by kind"
    )


class CheckpointForm(Form):
    """How a job saves its progress."""

    interval_h: Positive = Field(description="hours of work between two checkpoints")
    write_h: Amount = Field(0.0, description="hours to write one")
    restart_h: Amount = Field(0.0, description="hours to resume from one")


class MountForm(Form):
    """Where a program finds data."""

    dataset: Name = Field(description="one that the job reads or writes")
    source: Name = Field(description="where the data is, as s3://bucket/scans; or a path there")
    path: Path = Field(description="where the program sees it")
    read_only: bool = Field(True, description="what the job writes is not")


class ProgramForm(Form):
    """What a job starts on its machines."""

    command: Annotated[list[Text], Field(min_length=1)] = Field(
        description="the program and its arguments; no shell reads them"
    )
    image: Name | None = Field(
        None, description="container it runs in; none: on the machine itself"
    )
    checkpoint: Name | None = Field(
        None, description="where it saves its progress, as s3://bucket/model"
    )
    environment: Variables = Field({}, description="variables; no secrets: plans show them")
    mounts: list[MountForm] = Field([], description="the job's data, as the program sees it")


class UsersForm(Form):
    """A group of users."""

    site: Name = Field(description="the site they are at, or nearest to")
    share: SomeFraction = Field(description="their share of the requests; all add up to 1")


class JobForm(Form):
    """What jobs of every kind have."""

    id: Name = Field(description="unique among jobs")
    tenant: Name = Field(description="who pays")
    shapes: Annotated[list[ShapeForm], Field(min_length=1)] = Field(
        description="alternatives; the plan picks one"
    )
    inputs: Names = Field([], description="datasets read")
    outputs: Names = Field([], description="datasets written; a job that reads one runs later")
    labels: Names = Field([], description="what policies see, beside the labels of the inputs")
    earliest_h: Amount = Field(0.0, description="not before, hours since planning starts")
    deadline_h: Positive | None = Field(
        None, description="must have ended, hours since planning starts"
    )
    due_h: Amount | None = Field(None, description="should have ended, hours since planning starts")
    late_usd_h: Amount = Field(0.0, description="cost of each hour after due_h, USD per hour")
    setup_h: Amount = Field(0.0, description="paid hours before work begins")
    checkpoint: CheckpointForm | None = Field(
        None, description="how progress is saved; none: an interruption starts it over"
    )
    public: bool = Field(False, description="each machine has a public address")
    same_site_as: Names = Field([], description="jobs that must be at the same site")
    apart_from: Names = Field([], description="jobs that must be at another site")
    work_range: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = Field(
        None, description="least and most work, as factors of what is stated; not of inference"
    )
    reject_usd: Amount = Field(100_000.0, description="cost of leaving the job out, USD")
    move_usd: Amount = Field(0.0, description="cost of moving it once it runs, USD")
    program: ProgramForm | None = Field(None, description="what is started once it has machines")


class TrainingForm(JobForm):
    """A training job: work through samples as one gang."""

    kind: Literal["training"] = Field(description="what sort of work it is")
    units: Positive = Field(description="samples x epochs")
    efficiency: SomeFraction = Field(
        1.0, description="share of the linear speed-up that several workers keep"
    )
    interconnect_gbps: Positive | None = Field(
        None, description="needed between machines if the gang spans several, Gbit/s"
    )


class InferenceForm(JobForm):
    """An inference job: answer requests with as many replicas as the hour's load asks for."""

    kind: Literal["inference"] = Field(description="what sort of work it is")
    load_rps: Annotated[list[Amount], Field(min_length=1)] = Field(
        description="requests per second: 1 value, or 24, one per hour of the day in UTC"
    )
    hours: Positive = Field(description="how long to serve, from earliest_h")
    users: list[UsersForm] = Field([], description="where requests come from")
    service_ms: Amount = Field(0.0, description="time to answer, without the network, ms")
    latency_limit_ms: Amount | None = Field(
        None, description="no users may see more (round trip + service), ms"
    )
    latency_target_ms: Amount | None = Field(None, description="more than this costs, ms")
    latency_usd_ms_h: Amount = Field(
        0.0, description="cost of each ms beyond the target, USD per ms and hour"
    )
    min_replicas: CountFromOne = Field(1, description="at least as many replicas")
    max_replicas: CountFromOne | None = Field(None, description="at most as many replicas")


class PreprocessingForm(JobForm):
    """A preprocessing job: stream data through workers that share it evenly."""

    kind: Literal["preprocessing"] = Field(description="what sort of work it is")
    data_gib: Positive = Field(description="data to stream, GiB")


class TuningForm(JobForm):
    """A tuning job: many short runs, as many at a time as the shape has workers."""

    kind: Literal["tuning"] = Field(description="what sort of work it is")
    runs: CountFromOne = Field(description="runs to do")


KINDS: dict[str, type[JobForm]] = {
    Kind.TRAINING: TrainingForm,
    Kind.INFERENCE: InferenceForm,
    Kind.PREPROCESSING: PreprocessingForm,
    Kind.TUNING: TuningForm,
}


class JobsForm(Form):
    """The jobs to place."""

    jobs: list[
        Annotated[
            TrainingForm | InferenceForm | PreprocessingForm | TuningForm,
            Field(discriminator="kind"),
        ]
    ] = Field(description="in any order")
