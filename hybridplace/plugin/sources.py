"""Where plug-ins come from: entry points of installed distributions, and files that were named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

GROUP = "hybridplace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A plug-in that is not loaded yet; exactly one of `entry` and `file` is set."""

    name: str
    entry: EntryPoint | None = None
    file: Path | None = None

    @property
    def origin(self) -> str:
        """The distribution, or the path of the file."""
        if self.entry is None:
            return str(self.file)
        return self.entry.dist.name if self.entry.dist else self.entry.value

    @property
    def version(self) -> str | None:
        """The version of the distribution; a file may tell its own once it is loaded."""
        return self.entry.dist.version if self.entry and self.entry.dist else None

    def load(self) -> object:
        """Run the plug-in's code and return its module (or the object its entry point names)."""
        if self.entry is not None:
            return self.entry.load()
        assert self.file is not None  # noqa: S101 - see the class docstring
        return _run_file(self.file)


def sources(files: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """Return the installed plug-ins by name, then those in `files` in the order given."""
    installed = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    paths = dict.fromkeys(Path(file).expanduser().absolute() for file in files)
    return [
        *(Source(name=entry.name, entry=entry) for entry in installed),
        *(Source(name=path.stem.removeprefix("hybridplace_"), file=path) for path in paths),
    ]


def _run_file(path: Path) -> ModuleType:
    """Run the file as a module of its own; nothing is written beside it."""
    # Unlike an import, this leaves no __pycache__ with somebody's estate, and no stale one is read.
    code = compile(path.read_bytes(), str(path), "exec")
    module = ModuleType(f"hybridplace_file_{sha256(str(path).encode()).hexdigest()[:12]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    try:
        exec(code, vars(module))  # noqa: S102 - the estate names this file as its plug-in
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module
