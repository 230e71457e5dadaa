"""The program as a whole: help, wrong usage, and how errors are told."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest

from hybridplace.cli import main
from hybridplace.cli.program import error_json, exit_code
from hybridplace.errors import (
    AuthError,
    CapacityError,
    Fault,
    InputError,
    PlanError,
    PluginError,
    PolicyError,
)

FAULT = Fault(where="jobs.yaml:3", path="jobs[0].id", expected="text", got="3", remedy="quote it")


@pytest.mark.parametrize("name", main.modules)
def test_help_of_the_group_is_that_of_the_command(name):
    """What the list says of a command, without importing it, is how its own help begins."""
    module, told = main.modules[name]
    command = import_module(f"hybridplace.cli.{module}").command

    assert told == (command.help or "").split("\n\n")[0].replace("\n", " ")
    assert name == command.name or command.name == "command"


def test_help_lists_every_command(run):
    """Help names each command, and exits with 0."""
    done = run("--help")

    assert 0 == done.code
    assert [] == [name for name in main.modules if f"\n  {name} " not in done.out]


def test_help_imports_no_command():
    """Asking for help loads the module of no command, nor what prints tables."""
    script = (
        "import sys, hybridplace.cli\n"
        "try: hybridplace.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('hybridplace.cli.', 'rich'))])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert b"['hybridplace.cli.program']" == done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "meant"),
    [(["pln"], "plan"), (["policy", "chek"], "check"), (["catlog"], "catalog")],
)
def test_unknown_command_names_a_similar_one(run, command, meant):
    """A misspelt command is answered with the one that was probably meant."""
    done = run(*command)

    assert 2 == done.code
    assert f"did you mean {meant}?" in done.err


def test_unknown_command_without_a_similar_one_lists_all(run):
    """What resembles no command is answered with all of them."""
    done = run("zzz")

    assert 2 == done.code
    assert f"there are {', '.join(main.modules)}" in done.err


def test_wrong_usage_is_json_where_json_is_asked_for(run):
    """With --json, also a wrong option is told as one document on stdout."""
    done = run("plan", "--json", "--nwo", "2026-11-24")

    assert 2 == done.code
    assert "" == done.err
    assert "UsageError" == done.json["error"]["kind"]
    assert "--nwo" in done.json["error"]["message"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError([FAULT]), 2),
        (PolicyError("no"), 2),
        (PluginError("no"), 2),
        (PlanError(["no"]), 1),
        (CapacityError("no"), 1),
        (AuthError("no"), 1),
    ],
)
def test_exit_codes(error, code):
    """1 is what a plan or a provider did, 2 what a person must correct."""
    assert code == exit_code(error)


def test_errors_as_json_name_every_fault():
    """A program finds each fault with its file, field and remedy."""
    told = error_json(InputError([FAULT, FAULT]))["error"]

    assert "InputError" == told["kind"]
    assert [FAULT.remedy, FAULT.remedy] == [fault["remedy"] for fault in told["faults"]]
    assert ["a", "b"] == error_json(PlanError(["a", "b"]))["error"]["breaches"]


def test_missing_files_are_one_line_each(run):
    """Expected errors are a line per fault on stderr, and no traceback."""
    done = run("plan")

    assert 2 == done.code
    assert "" == done.out
    assert ["estate.yaml", "jobs.yaml"] == [line.split(":")[0] for line in done.err.splitlines()]


def test_missing_files_as_json(run):
    """With --json the faults are the one document on stdout."""
    done = run("plan", "--json")

    assert 2 == done.code
    assert "" == done.err
    assert ["estate.yaml", "jobs.yaml"] == [one["where"] for one in done.json["error"]["faults"]]


def test_unexpected_errors_keep_their_traceback(run, monkeypatch):
    """A fault of ours is not dressed up as one of the user's."""
    from hybridplace.cli import schema

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(schema, "print_json", broken)

    with pytest.raises(ZeroDivisionError):
        run("schema", "jobs")


def test_ctrl_c_is_one_line(run, monkeypatch):
    """An interruption ends with 130, as shells expect, and no traceback."""
    from hybridplace.cli import schema

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "print_json", interrupted)
    done = run("schema", "jobs")

    assert 130 == done.code
    assert "interrupted; nothing more was done" == done.err.strip()


def test_a_reader_that_goes_away_is_no_error():
    """`hybridplace schema estate | head -1` ends quietly."""
    pipe = f"{sys.executable} -m hybridplace schema estate | head -n 1"

    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, check=True)

    assert ("{\n", "") == (done.stdout, done.stderr)


def test_module_runs_as_program():
    """`python -m hybridplace` is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "hybridplace", "--help"], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("Usage: hybridplace ")


def test_every_command_has_help():
    """Each command and subcommand says what it does."""
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    nested = [sub for one in commands for sub in getattr(one, "commands", {}).values()]

    assert [] == [one.name for one in [*commands, *nested] if not one.help]
