"""The command line. Each command is a module, imported when it is called."""

from __future__ import annotations

from hybridplace.cli.program import Program

__all__ = ["main"]

main = Program(
    name="hybridplace",
    help="""Decide where, when and on what every AI job runs, at the lowest proven cost.

    Start with `hybridplace init DIR`, or in examples/hospital with `hybridplace plan`.
    """,
    epilog="Exit codes: 0 it is so; 1 a job is left out, a plan does not hold, something differs, "
    "or an action failed; 2 the input or the command is wrong.",
    modules={
        "plan": ("plan", "Plan all jobs of an estate, and prove how good the plan is."),
        "explain": ("explain", "Say why a job is where it is, and why not elsewhere."),
        "whatif": ("whatif", "Plan again with something changed, and show what that does."),
        "prices": ("prices", "Say what each limit, pool, policy and deadline costs."),
        "verify": ("verify", "Hold a plan to its problem, without the solver."),
        "diff": ("diff", "Show what must be done for a plan now; change nothing."),
        "apply": ("apply", "Do what a plan wants now, or all of it in a dry run."),
        "release": ("release", "Release what runs for the estate."),
        "catalog": ("catalog", "Look into the catalog of sites, offers and prices."),
        "policy": ("policy", "Look into policies and test them."),
        "plugins": ("plugins", "List the plug-ins, and say why one is not used."),
        "schema": ("schema", "Print the JSON Schema of an input file, for editors."),
        "init": ("init", "Write a small estate and its jobs to start from."),
    },
)
"""The program: `hybridplace`, and what the entry point calls."""
