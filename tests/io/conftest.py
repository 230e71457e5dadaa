"""A right estate with its jobs, and what is said of them once they are changed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybridplace.errors import InputError
from hybridplace.io import read_input

ABSENT = object()
"""Takes a field away."""

SHAPE = {"accelerator": "A100", "accelerators": 1, "cpus": 8, "memory_gib": 64, "units_h": 100}

PROGRAM = {
    "command": ["python", "train.py"],
    "environment": {"EPOCHS": "10"},
    "mounts": [
        {"dataset": "clean", "source": "s3://acme/clean", "path": "/in"},
        {"dataset": "model", "source": "s3://acme/model", "path": "/out", "read_only": False},
    ],
}

ESTATE: dict[str, Any] = {
    "name": "acme",
    "sites": [
        {"id": "lab", "country": "DE", "carbon_g_kwh": 380, "pue": 1.4, "energy_usd_kwh": 0.2},
        {"id": "town", "country": "NO"},
    ],
    "pools": [
        {
            "id": "racks",
            "site": "lab",
            "nodes": [
                {"id": "n", "count": 2, "accelerator": "A100", "accelerators": 8}
                | {"cpus": 96, "memory_gib": 1024},
                {"id": "m", "cpus": 32, "memory_gib": 128},
            ],
        }
    ],
    "tenants": [{"id": "research"}, {"id": "sales", "weight": 2}],
    "datasets": [
        {"id": "raw", "tenant": "research", "size_gib": 400, "homes": ["lab"]},
        {"id": "clean", "tenant": "research", "size_gib": 100},
        {"id": "model", "tenant": "sales", "size_gib": 1, "deliver_to": ["town"]},
    ],
    "limits": [{"id": "budget", "measure": "usd", "at_most": 500, "tenant": "research"}],
    "links": [{"source": "lab", "target": "aws/eu-north-1", "gbps": 10}],
    "providers": [
        {"provider": "aws", "regions": ["eu-*"], "markets": ["on_demand"]}
        | {"options": {"image": "ami-1", "subnet.eu-north-1": "subnet-1"}},
    ],
    "quotas": [
        {"id": "gpus", "site": "aws/eu-north-1", "measure": "accelerators", "at_most": 8},
    ],
    "overlays": [{"offers": "aws/*", "discount": 0.1}, {"offers": "gcp/*", "price_usd_h": 2}],
    "assumptions": {"accelerator_load": 0.7},
}

JOBS: dict[str, Any] = {
    "jobs": [
        {"id": "prepare", "kind": "preprocessing", "tenant": "research", "data_gib": 400}
        | {"inputs": ["raw"], "outputs": ["clean"]}
        | {"shapes": [{"cpus": 8, "memory_gib": 32, "units_h": 200}]},
        {"id": "train", "kind": "training", "tenant": "research", "units": 1000}
        | {"inputs": ["clean"], "outputs": ["model"], "deadline_h": 20}
        | {"shapes": [SHAPE], "program": PROGRAM},
        {"id": "serve", "kind": "inference", "tenant": "sales", "load_rps": [5], "hours": 8}
        | {"users": [{"site": "town", "share": 1}], "inputs": ["model"], "shapes": [SHAPE]},
        {"id": "tune", "kind": "tuning", "tenant": "sales", "runs": 20, "shapes": [SHAPE]},
    ]
}

Change = tuple[str, Any]
Tell = Callable[..., list[str]]


def changed(document: Any, *changes: Change) -> Any:
    """Return a copy with each path, ``jobs[0].shapes[0].cpus``, set to its value."""
    document = json.loads(json.dumps(document))
    for path, value in changes:
        *around, last = [int(k) if k.isdigit() else k for k in re.findall(r"[^.\[\]]+", path)]
        place = document
        for key in around:
            place = place[key]
        if value is ABSENT:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(copy.deepcopy(value))
        else:
            place[last] = copy.deepcopy(value)
    return document


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Return a function that changes the right input, and says what is then wrong with it."""

    def told(*changes: Change, **options: Any) -> list[str]:
        of_jobs = [change for change in changes if change[0].startswith("jobs")]
        of_estate = [change for change in changes if change not in of_jobs]
        estate, jobs = tmp_path / "estate.json", tmp_path / "jobs.json"
        estate.write_text(json.dumps(changed(ESTATE, *of_estate)))
        jobs.write_text(json.dumps(changed(JOBS, *of_jobs)))
        try:
            read_input(estate, jobs, **options)
        except InputError as error:
            return [str(fault).removeprefix(f"{tmp_path}/") for fault in error.faults]
        return []

    return told
