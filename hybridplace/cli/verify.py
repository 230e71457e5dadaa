"""`hybridplace verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hybridplace.cli.matching import refuse_other_problem
from hybridplace.cli.opening import open_both
from hybridplace.cli.options import PATH, estate_option, jobs_option, json_option
from hybridplace.cli.output import print_json
from hybridplace.errors import PlanError

if TYPE_CHECKING:
    from hybridplace.checker import Checked
    from hybridplace.model.plan import Plan
    from hybridplace.model.problem import Problem


@click.command()
@click.argument("plan_path", metavar="[PLAN]", type=PATH, default=Path("plan.json"))
@estate_option
@jobs_option
@click.option("--certificate", is_flag=True, help="Compute the bound again, from its prices.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    plan_path: Path,
    estate_path: Path,
    jobs_path: Path,
    certificate: bool,
    as_json: bool,
) -> None:
    """Hold a plan to its problem, without the solver.

    PLAN, plan.json by default, holds the problem it was made for. Every rule is checked and every
    dollar, gram and hour computed again; exits with 1 and names each breach. Where the estate and
    jobs files are there, too, the problem is gathered from them again: a plan that was made for
    other jobs, another estate, other policies or another catalog is refused.

    With --certificate, each job is also priced again in every shape on every offer at every start,
    with the prices of what is scarce that the plan gives as proof of its bound.
    """
    from hybridplace.io import read_plan
    from hybridplace.model.verify import verify

    plan, problem = read_plan(plan_path)
    compared = _are_given(context) or (estate_path.exists() and jobs_path.exists())
    if compared:
        engine, jobs = open_both(estate_path, jobs_path)
        refuse_other_problem(engine, jobs, problem, plan_path, folder=estate_path.parent)
    checked = _checked(problem, plan) if certificate else None
    if checked is None:
        verify(problem, plan)
    if as_json:
        told = {"holds": True, "compared": compared, "problem_digest": plan.problem_digest}
        print_json(told if checked is None else {**told, "certificate": _figures(checked)})
        return
    files = f"and was made for {estate_path} and {jobs_path}" if compared else "for its problem"
    click.echo(f"{plan_path} holds {files}")
    if checked is not None:
        click.echo(_proof(plan, checked))


def _checked(problem: Problem, plan: Plan) -> Checked:
    from hybridplace.checker import check

    checked = check(problem, plan)
    if checked.faults:
        raise PlanError(checked.faults)
    return checked


def _figures(checked: Checked) -> dict[str, float | int | None]:
    return {"bound_usd": checked.bound_usd, "gap": checked.gap, "pairs": checked.pairs}


def _proof(plan: Plan, checked: Checked) -> str:
    bound = f"{checked.bound_usd:,.2f} USD, gap {checked.gap:.2%}"
    proven = f"its certificate proves a bound of {bound}, over {checked.pairs:,} pairs"
    if plan.bound_usd > (checked.bound_usd or 0.0):
        proven += f"; {plan.bound_usd:,.2f} USD was proven by search, which is not done again"
    return proven


def _are_given(context: click.Context) -> bool:
    return any(
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in ("estate_path", "jobs_path")
    )
