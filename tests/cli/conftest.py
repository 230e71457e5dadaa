from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hybridplace.cli import main

NOW = "2026-11-24T00:00Z"

ESTATE = """\
name: acme
sites:
  - {id: hall, country: DE, jurisdictions: [DE, EU, EEA], latitude_deg: 50.1, longitude_deg: 8.7,
     carbon_g_kwh: 380, pue: 1.5, energy_usd_kwh: 0.25}
pools:
  - id: rack
    site: hall
    nodes: [{id: n1, accelerator: L40S, accelerators: 2, cpus: 16, memory_gib: 64}]
tenants: [{id: lab}]
datasets: [{id: scans, tenant: lab, size_gib: 10, homes: [hall], labels: [personal], origin: EEA}]
limits: [{id: budget, measure: usd, at_most: 50, tenant: lab, reason: what the grant pays}]
policies: [base, residency-eu]
"""
AWS = "providers: [{provider: aws, regions: [eu-central-1, eu-north-1], attestations: [dpa]}]\n"

TRAIN = """\
  - id: train
    kind: training
    tenant: lab
    inputs: [scans]
    units: 100000
    shapes:
      - {accelerator: L40S, accelerators: 1, cpus: 4, memory_gib: 16, workers: 2, units_h: 20000}
"""
COUNT = """\
  - id: count
    kind: preprocessing
    tenant: lab
    data_gib: 100
    checkpoint: {interval_h: 0.5}
    shapes: [{cpus: 32, memory_gib: 128, workers: 2, units_h: 40}]
"""
JOBS = f"jobs:\n{TRAIN}{COUNT}"


@dataclass(frozen=True, slots=True)
class Run:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Run]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Command:
    """Runs a command in an empty folder; exceptions that are not expected go on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return _run


def _run(*arguments: object, answer: str | None = None) -> Run:
    result: Result = CliRunner().invoke(main, [str(one) for one in arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(code=result.exit_code, out=result.stdout, err=result.stderr)


@pytest.fixture
def now() -> datetime:
    """When the plans begin."""
    return datetime.fromisoformat(NOW).astimezone(UTC)


@pytest.fixture
def estate(run, tmp_path) -> Path:
    """An estate file with own machines and two regions of AWS."""
    return _written(tmp_path / "estate.yaml", ESTATE + AWS)


@pytest.fixture
def jobs(run, tmp_path) -> Path:
    """Two jobs: `train` runs on own machines, `count` only fits AWS."""
    return _written(tmp_path / "jobs.yaml", JOBS)


@pytest.fixture(scope="session")
def _planned(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("planned")
    _written(folder / "estate.yaml", ESTATE + AWS)
    _written(folder / "jobs.yaml", JOBS)
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert 0 == _run("plan", "--now", NOW).code
    finally:
        os.chdir(before)
    return (folder / "plan.json").read_text()


@pytest.fixture
def plan(estate, jobs, tmp_path, _planned) -> Path:
    """The plan of `estate` and `jobs`."""
    return _written(tmp_path / "plan.json", _planned)


@pytest.fixture
def own(run, tmp_path) -> Path:
    """A plan for an estate that has own machines only, and one job."""
    _written(tmp_path / "estate.yaml", ESTATE)
    _written(tmp_path / "jobs.yaml", f"jobs:\n{TRAIN}")
    assert 0 == run("plan", "--now", NOW).code
    return tmp_path / "plan.json"


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
