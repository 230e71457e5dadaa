"""`hybridplace verify`."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from hybridplace.cli.matching import refuse_other_problem
from hybridplace.cli.opening import open_both
from hybridplace.cli.options import PATH, estate_option, jobs_option, json_option
from hybridplace.cli.output import print_json


@click.command()
@click.argument("plan_path", metavar="[PLAN]", type=PATH, default=Path("plan.json"))
@estate_option
@jobs_option
@json_option
@click.pass_context
def command(
    context: click.Context, plan_path: Path, estate_path: Path, jobs_path: Path, as_json: bool
) -> None:
    """Hold a plan to its problem, without the solver.

    PLAN, plan.json by default, holds the problem it was made for. Every rule is checked and every
    dollar, gram and hour computed again; exits with 1 and names each breach. Where the estate and
    jobs files are there, too, the problem is gathered from them again: a plan that was made for
    other jobs, another estate, other policies or another catalog is refused.
    """
    from hybridplace.io import read_plan
    from hybridplace.model.verify import verify

    plan, problem = read_plan(plan_path)
    compared = _are_given(context) or (estate_path.exists() and jobs_path.exists())
    if compared:
        engine, jobs = open_both(estate_path, jobs_path)
        refuse_other_problem(engine, jobs, problem, plan_path, folder=estate_path.parent)
    verify(problem, plan)
    if as_json:
        print_json({"holds": True, "compared": compared, "problem_digest": plan.problem_digest})
        return
    files = f"and was made for {estate_path} and {jobs_path}" if compared else "for its problem"
    click.echo(f"{plan_path} holds {files}")


def _are_given(context: click.Context) -> bool:
    return any(
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in ("estate_path", "jobs_path")
    )
