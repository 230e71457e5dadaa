"""Says what is wrong with a provider class before anyone makes an object of it."""

from __future__ import annotations

import re
from difflib import get_close_matches

from hybridplace.plugin.interfaces import API_VERSION, Feature, Provider

NAME = re.compile(r"[a-z][a-z0-9_-]*")


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
    return (*_missing_methods(provider), *_unknown_features(provider))


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
