"""What is written down comes back as the same values."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from types import UnionType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.io import check_input, estate_form, jobs_form, read_estate, read_input
from hybridplace.io.constraints import Form
from hybridplace.io.normal import flat
from hybridplace.model import estate as estate_model
from hybridplace.model import job as job_model
from hybridplace.model.canonical import to_plain
from hybridplace.model.estate import Estate
from hybridplace.model.job import Job
from tests.io.conftest import ESTATE, changed
from tests.io.drawing import estates, job_lists


@given(estates(), job_lists(), st.sampled_from(["yaml", "json"]))
def test_estates_and_jobs_come_back(
    tmp_path_factory: pytest.TempPathFactory, estate: Estate, jobs: tuple[Job, ...], suffix: str
) -> None:
    """Every field of every value survives YAML and JSON, and nothing right is refused."""
    folder = tmp_path_factory.mktemp("files")
    dump = json.dumps if suffix == "json" else yaml.safe_dump
    paths = folder / f"estate.{suffix}", folder / f"jobs.{suffix}"
    paths[0].write_text(dump(to_plain(estate)))
    paths[1].write_text(dump({"jobs": [flat(job) for job in jobs]}))

    assert () == check_input(estate, jobs)
    assert (estate, jobs) == read_input(*paths)


def _form_of(model: type) -> type[Form] | None:
    name = {"Access": "AccessForm", "PriceOverlay": "OverlayForm"}.get(
        model.__name__, f"{model.__name__}Form"
    )
    return getattr(estate_form, name, None) or getattr(jobs_form, name, None)


def _models(model: type) -> set[type]:
    """Return a model class and all that its fields hold."""
    found = {model}
    for hint in typing.get_type_hints(model).values():
        for part in (hint, *typing.get_args(hint)):
            inner = typing.get_args(part) if isinstance(part, UnionType) else (part,)
            for cls in inner:
                if dataclasses.is_dataclass(cls):
                    found |= _models(typing.cast(type, cls))
    return found


MODELS = sorted(_models(estate_model.Estate) | _models(job_model.Job), key=lambda cls: cls.__name__)
# What people may leave out of a file although the model wants to know it.
IMPLIED = {"Site": {"provider", "region", "own"}, "Node": {"count"}}
WORK = {"Training", "Inference", "Preprocessing", "Tuning"}


@pytest.mark.parametrize("model", MODELS, ids=lambda cls: cls.__name__)
def test_forms_have_the_fields_and_defaults_of_the_model(model: Any) -> None:
    """A field that the model gains or a default that it changes cannot be forgotten here."""
    form = _form_of(model)
    assert form is not None
    implied = IMPLIED.get(model.__name__, set())
    common = {"kind", *jobs_form.JobForm.model_fields} if model.__name__ in WORK else set()
    of_model = {
        field.name: _plain(_default(field))
        for field in dataclasses.fields(model)
        if field.name not in {"work", *implied}
    }
    of_form = {
        name: _plain(field.get_default(call_default_factory=True))
        for name, field in form.model_fields.items()
        if name not in common | implied
    }

    assert of_model == of_form


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory is not dataclasses.MISSING
    return field.default_factory() if made else field.default


def _plain(default: Any) -> Any:
    if default is dataclasses.MISSING or repr(default) == "PydanticUndefined":
        return "needed"
    if isinstance(default, Form):
        return default.model_dump()
    return "empty" if default in ((), [], {}) else to_plain(default)


def _read(folder: Path, *changes: tuple[str, Any]) -> Estate:
    path = folder / "estate.json"
    path.write_text(json.dumps(changed(ESTATE, *changes)))
    return read_estate(path)


def test_a_count_makes_that_many_nodes(tmp_path: Path) -> None:
    """Identical machines are written once."""
    (pool,) = _read(tmp_path).pools

    assert ["n-1", "n-2", "m"] == [node.id for node in pool.nodes]
    assert [8, 8, 0] == [node.accelerators for node in pool.nodes]


def test_sites_are_own_where_a_pool_or_a_dataset_is(tmp_path: Path) -> None:
    """Where only users are is no site of one's own, unless it is said to be."""
    pools = ("pools[0].site", "lab")

    assert [True, False] == [site.own for site in _read(tmp_path, pools).sites]
    homes = ("datasets[0].homes", ["town"])
    assert [True, True] == [site.own for site in _read(tmp_path, pools, homes).sites]
    said = ("sites[1].own", True)
    assert [True, True] == [site.own for site in _read(tmp_path, pools, said).sites]
    other = ("sites[0].provider", "k8s")
    assert [False, False] == [site.own for site in _read(tmp_path, pools, other).sites]


def test_the_region_of_a_site_is_its_id_without_the_provider(tmp_path: Path) -> None:
    """A free name is its own region."""
    site = {"id": "k8s/cellar", "provider": "k8s", "country": "DE"}
    sites = _read(tmp_path, ("sites[2]", site)).sites

    assert ["lab", "town", "cellar"] == [one.region for one in sites]
