"""`hybridplace explain`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridplace.cli.options import json_option, plan_option
from hybridplace.cli.output import print_json, print_text


@click.command()
@click.argument("job")
@click.argument("offer", required=False)
@plan_option
@json_option
def command(job: str, offer: str | None, plan_path: Path, as_json: bool) -> None:
    """Say why a job is where it is, and why not elsewhere.

    With OFFER: why JOB is not on that offer, with the rule, the limit or the dollars that decided.
    For a job that the plan leaves out: the smallest change that places it, and its price. All of
    it from the plan file.
    """
    from hybridplace.io import read_plan
    from hybridplace.solver.explain import explain

    plan, problem = read_plan(plan_path)
    told = explain(problem, plan, job, offer)
    if as_json:
        print_json(told)
        return
    from hybridplace.report.explain import explanation_text

    print_text(explanation_text(problem, told, offer))
