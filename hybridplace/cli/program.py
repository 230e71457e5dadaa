"""The group of all commands: loads them late, and tells what goes wrong."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click

from hybridplace.errors import (
    HybridplaceError,
    InputError,
    PlanError,
    PolicyError,
    ProviderError,
)

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit codes beside 0: the plan or an action failed; the input is wrong; Ctrl-C."""


class Commands(click.Group):
    """A group that says which command was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name a similar one."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = get_close_matches(args[0], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class Program(Commands):
    """The group of all commands; help lists them without importing any.

    Parameters
    ----------
    modules : mapping
        By command, its module in `hybridplace.cli`, which has it as `command`, and its help.
    """

    def __init__(self, *, modules: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        context = {"help_option_names": ["-h", "--help"]}
        super().__init__(context_settings=context, **settings)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which they are used."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self.modules:
            return None
        module = import_module(f"hybridplace.cli.{self.modules[cmd_name][0]}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the help that stands beside their names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in self.modules.items()])

    def main(  # type: ignore[override]  # it never returns
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command and exit; expected errors are told without a traceback."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            extra["standalone_mode"] = False
            code = super().main(arguments, prog_name or "hybridplace", **extra)
            sys.stdout.flush()
        except HybridplaceError as error:
            code = _told(error, as_json="--json" in arguments)
        except click.ClickException as error:
            code = _misused(error, as_json="--json" in arguments)
        except click.Abort:
            click.echo("interrupted; nothing more was done", err=True)
            code = INTERRUPTED
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            # Whoever read our output has gone; Python must not fail on flushing it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = FAILED
        sys.exit(code or 0)


def exit_code(error: HybridplaceError) -> int:
    """Return 1 for a plan or provider that failed, 2 for anything that a person must correct."""
    return FAILED if isinstance(error, PlanError | ProviderError) else WRONG


def error_json(error: HybridplaceError) -> dict[str, Any]:
    """Return what is printed with ``--json`` in place of an answer."""
    from hybridplace.model.canonical import to_plain

    told: dict[str, Any] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, InputError):
        told["faults"] = to_plain(error.faults)
    elif isinstance(error, PlanError):
        told["breaches"] = list(error.breaches)
    return {"error": told}


def _told(error: HybridplaceError, *, as_json: bool) -> int:
    if as_json:
        from hybridplace.cli.output import print_json

        print_json(error_json(error))
    else:
        prefix = "" if isinstance(error, InputError | PlanError) else f"{_words(error)}: "
        for line in str(error).splitlines():
            click.echo(f"{prefix}{line}", err=True)
    return exit_code(error)


def _words(error: HybridplaceError) -> str:
    """Return what kind of thing failed, as people say it."""
    if isinstance(error, PolicyError):
        return "policy"
    return "provider" if isinstance(error, ProviderError) else "plug-in"


def _misused(error: click.ClickException, *, as_json: bool) -> int:
    if as_json:
        from hybridplace.cli.output import print_json

        print_json({"error": {"kind": "UsageError", "message": error.format_message()}})
    else:
        error.show()
    return error.exit_code
