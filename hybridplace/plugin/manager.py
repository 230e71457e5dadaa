"""Finds plug-ins, checks them and makes their providers; a broken one never stops the others.

Plug-ins come from installed distributions (entry points of the group ``hybridplace``) and from the
single files that an estate names; a file that nobody named is never loaded. Nothing is kept
between two calls: each `load_plugins` has a manager of its own.
"""

from __future__ import annotations

import inspect
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pluggy

from hybridplace.errors import PluginError
from hybridplace.plugin import hookspecs
from hybridplace.plugin.contract import did_you_mean, provider_faults
from hybridplace.plugin.guard import blamed, guarded, told
from hybridplace.plugin.hookspecs import PREFIX, PROJECT, hookimpl
from hybridplace.plugin.interfaces import Provider, Settings
from hybridplace.plugin.sources import Source, sources

ENVIRONMENT = "HYBRIDPLACE_PLUGINS"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What `hybridplace plugins` tells about one plug-in.

    Parameters
    ----------
    origin : str
        The distribution, or the path of the file, that it came from.
    hooks, providers, features : tuple of str
        What it defines; empty for a broken one.
    error : str or None
        Why it is not used; None if it is.
    """

    name: str
    origin: str
    version: str | None = None
    hooks: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """What `load_plugins` found: providers by name, and what to tell about each plug-in.

    Parameters
    ----------
    left_out : tuple of str
        Plug-ins that are there and were not asked for; their code never ran.
    """

    providers: Mapping[str, type[Provider]]
    infos: tuple[PluginInfo, ...]
    left_out: tuple[str, ...] = ()

    def provider(self, name: str, settings: Settings) -> Provider:
        """Make the provider `name`, guarded so that its faults are told as its own.

        Raises
        ------
        PluginError
            When no usable plug-in has that provider; says what is there and what to do.
        ProviderError
            When making it fails; the original error is its ``__cause__``.
        """
        if name not in self.providers:
            raise PluginError(self.absent(name))
        plugin = next(info.name for info in self.infos if name in info.providers)
        with blamed(name, plugin, "its constructor"):
            made = self.providers[name](settings)
        return guarded(made, plugin=plugin)

    def absent(self, name: str) -> str:
        """Say why there is no provider `name`: misspelt, left out, broken or not installed."""
        names = list(self.providers)
        near = did_you_mean(name, names)
        broken = [f"plug-in {i.name!r} ({i.origin}) is broken: {i.error}" for i in self._broken()]
        remedy = "install a plug-in that has it, or name its file under plugins: in the estate"
        if name in self.left_out:
            remedy = f"plug-in {name!r} is installed, but {ENVIRONMENT} leaves it out"
        told = f"no provider {name!r}; installed: {', '.join(names) or 'none'}{near}"
        return "; ".join([told, *broken, remedy])

    def _broken(self) -> list[PluginInfo]:
        return [info for info in self.infos if info.error is not None]


def make_manager() -> pluggy.PluginManager:
    """Return a new plug-in manager that knows our hooks and holds no plug-in."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugins(
    files: Iterable[str | os.PathLike[str]] = (), names: Iterable[str] | None = None
) -> Plugins:
    """Load the installed plug-ins and those in `files`.

    Parameters
    ----------
    files : iterable of path
        Python files that are a plug-in each; ``hybridplace_acme.py`` and ``acme.py`` are the
        plug-in ``acme``.
    names : iterable of str or None
        Only these plug-ins, also of `files`; none at all if empty. None reads the environment
        variable ``HYBRIDPLACE_PLUGINS`` (``static,aws``), and takes all if that is not set.

    Notes
    -----
    Nothing is raised for a plug-in that does not work: its `PluginInfo.error` says why. Two
    plug-ins, or two providers, with one name are both left unused, since which is meant cannot be
    known.
    """
    wanted = _wanted(names)
    found = sources(files)
    chosen = [source for source in found if wanted is None or source.name in wanted]
    manager = make_manager()
    classes: dict[str, list[type[Provider]]] = {}
    infos: list[PluginInfo] = []
    for source in _refuse_namesakes(chosen, infos):
        info, made = _load(manager, source)
        infos.append(info)
        classes[source.name] = made
    known = sorted({source.name for source in found})
    infos += [_not_there(name, known) for name in sorted(set(wanted or ()) - set(known))]
    infos = _refuse_rivals(sorted(infos, key=lambda info: (info.name, info.origin)))
    usable = [made for info in infos if info.error is None for made in classes[info.name]]
    return Plugins(
        providers={made.name: made for made in sorted(usable, key=lambda made: made.name)},
        infos=tuple(infos),
        left_out=tuple(name for name in known if wanted is not None and name not in wanted),
    )


def _wanted(names: Iterable[str] | None) -> tuple[str, ...] | None:
    if names is not None:
        return tuple(names)
    listed = os.environ.get(ENVIRONMENT)
    if listed is None:
        return None
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _not_there(name: str, known: list[str]) -> PluginInfo:
    error = f"asked for, but not installed{did_you_mean(name, known)}"
    return PluginInfo(name=name, origin=ENVIRONMENT, error=error)


def _refuse_namesakes(chosen: list[Source], infos: list[PluginInfo]) -> list[Source]:
    """Return the sources whose name is theirs alone; the others' code never runs."""
    named = defaultdict(list)
    for source in chosen:
        named[source.name].append(source)
    for name, namesakes in named.items():
        for source in namesakes if len(namesakes) > 1 else ():
            others = ", ".join(other.origin for other in namesakes if other is not source)
            error = f"another plug-in is named {name!r} too ({others}); remove or rename one"
            infos.append(
                PluginInfo(name=name, origin=source.origin, version=source.version, error=error)
            )
    return [source for source in chosen if len(named[source.name]) == 1]


def _refuse_rivals(infos: list[PluginInfo]) -> list[PluginInfo]:
    """Refuse all plug-ins that have a provider name in common."""
    owners = defaultdict(list)
    for info in infos:
        for name in info.providers:
            owners[name].append(info)

    def judged(info: PluginInfo) -> PluginInfo:
        errors = [
            f"provider {name!r} is in plug-in {rival.name!r} ({rival.origin}) too; "
            f"remove one of them, or leave it out with {ENVIRONMENT}"
            for name in info.providers
            for rival in owners[name]
            if rival is not info
        ]
        if not errors:
            return info
        return replace(info, providers=(), features=(), error="; ".join(errors))

    return [judged(info) for info in infos]


def _load(manager: pluggy.PluginManager, source: Source) -> tuple[PluginInfo, list[type[Provider]]]:
    """Load one plug-in; whatever goes wrong is told in its info."""
    info = PluginInfo(name=source.name, origin=source.origin, version=source.version)
    try:
        plugin = _attempt("cannot be loaded", source.load)
        hooks = _register(manager, plugin, source.name)
        made = _providers(manager, plugin)
    except PluginError as error:
        return replace(info, error=str(error)), []
    except Exception as error:  # noqa: BLE001 - a class may fail in ways nobody foresaw
        return replace(info, error=f"cannot be checked: {told(error)}"), []
    features = {str(feature) for provider in made for feature in provider.features}
    names = sorted(provider.name for provider in made)
    version = info.version or _version(plugin)
    return replace(
        info, version=version, hooks=hooks, providers=tuple(names), features=tuple(sorted(features))
    ), made


def _attempt(what: str, call: Callable[[], Any]) -> Any:
    """Run code of a plug-in; also one that exits Python must not stop the others."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what}: {told(error)}") from error


def _version(plugin: object) -> str | None:
    version = getattr(plugin, "__version__", None)
    return version if isinstance(version, str) else None


def _register(manager: pluggy.PluginManager, plugin: Any, name: str) -> tuple[str, ...]:
    """Register `plugin` and return the names of its hooks.

    Raises
    ------
    PluginError
        When it has no hook, an unknown one, or one with unknown arguments; names them all.
    """
    _mark_hooks(plugin)
    hooks = {
        attribute: options.get("specname") or attribute
        for attribute in dir(plugin)
        if (options := manager.parse_hookimpl_opts(plugin, attribute)) is not None
    }
    faults = [
        fault
        for attribute, hook in hooks.items()
        for fault in _hook_faults(manager, hook, getattr(plugin, attribute))
    ]
    if not hooks:
        faults = [f"has no hook; define one of: {', '.join(_known_hooks(manager))}"]
    if faults:
        raise PluginError("; ".join(faults))
    _attempt("cannot be registered", lambda: manager.register(plugin, name))
    return tuple(sorted(hooks.values()))


def _mark_hooks(plugin: object) -> None:
    """Make a hook of each function with our prefix, so that a forgotten mark is no silent loss."""
    if not isinstance(plugin, ModuleType):
        return
    for name, value in vars(plugin).items():
        unmarked = inspect.isfunction(value) and not hasattr(value, f"{PROJECT}_impl")
        if unmarked and name.startswith(PREFIX) and value.__module__ == plugin.__name__:
            hookimpl(value)


def _known_hooks(manager: pluggy.PluginManager) -> list[str]:
    return sorted(name for name in vars(manager.hook) if name.startswith(PREFIX))


def _hook_faults(
    manager: pluggy.PluginManager, hook: str, function: Callable[..., object]
) -> list[str]:
    caller = getattr(manager.hook, hook, None)
    if caller is None or caller.spec is None:
        return [f"unknown hook {hook!r}{did_you_mean(hook, _known_hooks(manager))}"]
    taken = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    known = ", ".join(caller.spec.argnames) or "none"
    return [
        f"hook {hook!r} has no argument {name!r}; its arguments: {known}"
        for name in taken
        if name not in caller.spec.argnames
    ]


def _providers(manager: pluggy.PluginManager, plugin: object) -> list[type[Provider]]:
    """Return the provider classes of this one plug-in, checked.

    Raises
    ------
    PluginError
        When its hook raises, or hands over what is no provider class; names every fault.
    """
    others = manager.get_plugins() - {plugin}
    call = manager.subset_hook_caller("hybridplace_providers", others)
    made = _attempt(
        "hook 'hybridplace_providers' raised",
        lambda: [made for answer in call() for made in _listed(answer)],
    )
    faults = [fault for provider in made for fault in provider_faults(provider)]
    names = [provider.name for provider in made] if not faults else []
    faults += [
        f"provider {name!r} is handed over twice; remove or rename one"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    if faults:
        raise PluginError("; ".join(faults))
    return list(made)


def _listed(answer: object) -> list[object]:
    if isinstance(answer, Iterable) and not isinstance(answer, str | bytes | type):
        return list(answer)
    told_type = f"class {answer.__name__}" if isinstance(answer, type) else type(answer).__name__
    raise TypeError(f"expected a list of Provider classes, got {told_type}; return a list")
