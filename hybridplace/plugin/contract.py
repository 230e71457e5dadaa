"""Says what is wrong with a provider class before anyone makes an object of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from hybridplace.plugin.interfaces import API_VERSION, Feature, Provider

NAME = re.compile(r"[a-z][a-z0-9_-]*")
OPTION = re.compile(r"[A-Za-z0-9_-]+")


def provider_faults(provider: object) -> tuple[str, ...]:
    """Return every way in which `provider` is not a provider class of this plug-in API."""
    if not isinstance(provider, type):
        got = f"an object of class {type(provider).__name__}"
        return (f"expected a Provider class, got {got}; hand over the class itself",)
    if not issubclass(provider, Provider):
        return (f"{provider.__name__} is not a Provider; derive it from hybridplace's Provider",)
    name = getattr(provider, "name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        told = "has no name" if name is None else f"has the name {name!r}"
        wanted = "set `name` to lower-case letters, digits, '-' and '_', starting with a letter"
        return (f"{provider.__name__} {told}; {wanted}",)
    if provider.api_version != API_VERSION:
        return (_wrong_version(provider),)
    return (
        *_missing_methods(provider),
        *_unknown_features(provider),
        *_wrong_options(provider),
    )


def option_faults(provider: type[Provider], options: Iterable[str]) -> tuple[str, ...]:
    """Return, for each of `options` that a provider does not have, what is wrong with it.

    Parameters
    ----------
    options : iterable of str
        Names as an estate writes them: ``image``, or ``image.eu-central-1`` for one region.
    """
    known = sorted(provider.options)
    told = f"its options: {', '.join(known)}" if known else "it has none"
    return tuple(
        f"provider {provider.name!r} has no option {name!r}{did_you_mean(plain, known)}; {told}"
        for name in options
        if (plain := name.partition(".")[0]) not in known
    )


def did_you_mean(name: str, known: list[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to `name`, or nothing."""
    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _wrong_version(provider: type[Provider]) -> str:
    return (
        f"provider {provider.name!r} was written for plug-in API {provider.api_version}; "
        f"this hybridplace speaks {API_VERSION}"
    )


def _missing_methods(provider: type[Provider]) -> tuple[str, ...]:
    missing = sorted(provider.__abstractmethods__)
    if not missing:
        return ()
    return (f"provider {provider.name!r} lacks {', '.join(f'{method}()' for method in missing)}",)


def _unknown_features(provider: type[Provider]) -> tuple[str, ...]:
    known = [feature.value for feature in Feature]
    try:
        unknown = sorted(str(item) for item in provider.features if item not in known)
    except TypeError:
        told = repr(provider.features)
        return (f"provider {provider.name!r}: features must be a set of Feature, got {told}",)
    who = f"provider {provider.name!r} declares the unknown feature"
    return tuple(
        f"{who} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}" for name in unknown
    )


def _wrong_options(provider: type[Provider]) -> tuple[str, ...]:
    options: object = provider.options
    names: list[object] = list(options) if isinstance(options, Mapping) else [None]
    if all(isinstance(name, str) and OPTION.fullmatch(name) for name in names):
        return ()
    wanted = "options must map names of letters, digits, '-' and '_' to what each means"
    return (f"provider {provider.name!r}: {wanted}, got {options!r}",)
