"""Loads policy packs and files into one set, which is valid or is not loaded at all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hybridplace.errors import Fault, InputError
from hybridplace.model.canonical import digest
from hybridplace.model.problem import Rule
from hybridplace.policy.facts import PACKS
from hybridplace.policy.source import DEFAULT_DENY, Policy, duplicates, parse, schema_text

_DEFAULT = Rule(
    id=DEFAULT_DENY,
    reason="Nothing permits it, and so it is denied: add the pack base, or a permit of your own",
)


@dataclass(frozen=True, kw_only=True)
class PolicySet:
    """Policies that are asked together, each of them valid.

    Parameters
    ----------
    names : tuple of str
        Packs and paths it was loaded from.
    files : tuple of Path
        Where these lie.
    """

    names: tuple[str, ...]
    files: tuple[Path, ...]
    policies: tuple[Policy, ...]

    @cached_property
    def digest(self) -> str:
        """Digest of all policies and of what they can ask about; the order is no information."""
        areas = (PACKS / "areas.yaml").read_text(encoding="utf-8")
        texts = sorted(policy.text for policy in self.policies)
        return digest({"schema": schema_text(), "areas": areas, "policies": texts})

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """What can be named by a denial: every policy that forbids, and ``default-deny``."""
        rules = [_DEFAULT, *(policy.rule for policy in self.policies if policy.forbids)]
        return tuple(sorted(rules, key=lambda rule: rule.id))

    @cached_property
    def rule(self) -> dict[str, Rule]:
        """Every policy that forbids or permits, and ``default-deny``, by id."""
        return {rule.id: rule for rule in (_DEFAULT, *(policy.rule for policy in self.policies))}

    @cached_property
    def reads(self) -> frozenset[str]:
        """Attributes that some policy looks at, as ``principal.labels``."""
        return frozenset[str]().union(*(policy.reads for policy in self.policies))

    @cached_property
    def denies_everything(self) -> str | None:
        """Say why this set can only ever deny; None if it can allow something."""
        forbids = [policy.rule.id for policy in self.policies if policy.forbids and policy.open]
        if forbids:
            return f"{', '.join(forbids)}: forbids everything without a condition"
        if all(policy.forbids for policy in self.policies):
            return "no policy permits anything: add the pack base under policies"
        return None


def shipped() -> tuple[str, ...]:
    """Return the names of the packs that ship with the package."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.cedar")))


def load(names: Sequence[str], *, folder: Path) -> PolicySet:
    """Return the policies of all packs and files together, checked against the schema.

    Nothing is added to what is named: without the pack ``base``, or a ``permit`` of one's own, the
    set denies everything, and says so in `PolicySet.denies_everything`.

    Parameters
    ----------
    names : sequence of str
        Names of shipped packs, or paths of ``.cedar`` files.
    folder : Path
        What paths are relative to: where the estate lies.

    Raises
    ------
    InputError
        With every fault: an unknown pack, a file that cannot be read, a policy that is not Cedar
        or asks what the schema does not have, an id or a reason that is missing, an id used twice.
    """
    names = tuple(names)
    files, policies, faults = [], [], _repeated(names)
    for name in dict.fromkeys(names):
        try:
            file = _find(name, folder)
            found, wrong = parse(name, _read(name, file))
        except InputError as error:
            faults += error.faults
            continue
        files.append(file)
        policies += found
        faults += wrong
    faults += duplicates(policies)
    if faults:
        raise InputError(faults)
    return PolicySet(names=names, files=tuple(files), policies=tuple(policies))


def _repeated(names: Iterable[str]) -> list[Fault]:
    names = list(names)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    return [
        Fault(where="policies", path=name, expected="each name once", got="it twice")
        for name in twice
    ]


def _find(name: str, folder: Path) -> Path:
    if name.endswith(".cedar"):
        return folder / name
    if name in shipped():
        return PACKS / f"{name}.cedar"
    near = difflib.get_close_matches(name.lower(), shipped(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"the packs are {', '.join(shipped())}"
    expected = "the name of a pack, or the path of a .cedar file"
    raise InputError(
        [Fault(where="policies", path=name, expected=expected, got=f"{name!r}", remedy=hint)]
    )


def _read(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        got = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        remedy = "paths are relative to the folder of the estate"
        raise InputError(
            [Fault(where=name, path="-", expected="a text file", got=f"{got}", remedy=remedy)]
        ) from None
