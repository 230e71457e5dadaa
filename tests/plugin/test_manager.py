"""Plug-ins are found, checked and told about; a broken one never stops the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridplace.errors import PluginError, ProviderError
from hybridplace.plugin import Settings
from hybridplace.plugin.manager import ENVIRONMENT, load_plugins

SETTINGS = Settings(owner="hospital")
GOOD = """
from hybridplace.model.site import Site
from hybridplace.plugin import Provider

__version__ = "2.3"

class Good(Provider):
    name = "NAME"
    def sites(self): return [Site(id="s", provider=self.name, region="r", country="DE")]
    def pools(self): return []
    def offers(self): return []
    def acquire(self, request, *, key): ...
    def release(self, lease_id): ...
    def leases(self, owner): return []

def hybridplace_providers():
    return [Good]
"""


def plugin(folder: Path, name: str, text: str = GOOD, provider: str | None = None) -> Path:
    """Write a plug-in of a single file and return its path."""
    file = folder / f"{name}.py"
    file.write_text(text.replace("NAME", provider or name))
    return file


def distribution(folder: Path, name: str, module: str, text: str) -> None:
    """Lay out an installed distribution of version 1.7 whose plug-in is `name`."""
    info = folder / f"{module}-1.7.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.7\n")
    (info / "entry_points.txt").write_text(f"[hybridplace]\n{name} = {module}\n")
    (folder / f"{module}.py").write_text(text)


def told(plugins) -> dict[str, str | None]:
    """Return what each plug-in's error is, by name."""
    return {info.name: info.error for info in plugins.infos}


def test_installed_plugins_are_found():
    """Installed distributions are found by entry point, with version, hooks and features."""
    plugins = load_plugins()
    (static,) = [info for info in plugins.infos if info.name == "static"]
    assert ("hybridplace-static", None) == (static.origin, static.error)
    assert static.version
    assert (("hybridplace_providers",), ("static",)) == (static.hooks, static.providers)
    assert ("gang",) == static.features
    assert {"aws", "static"} <= set(plugins.providers)
    assert () == plugins.left_out


def test_a_single_file_is_a_plugin(tmp_path):
    """A file that is named is loaded, tells its own version, and leaves nothing beside it."""
    file = plugin(tmp_path, "hybridplace_acme", provider="acme")
    plugins = load_plugins([file], names=["acme"])
    (info,) = plugins.infos
    assert ("acme", str(file), "2.3", None) == (info.name, info.origin, info.version, info.error)
    assert ["DE"] == [site.country for site in plugins.provider("acme", SETTINGS).sites()]
    assert [file] == list(tmp_path.iterdir())


def test_a_file_that_nobody_named_is_not_loaded(tmp_path, monkeypatch):
    """A plug-in in the working folder is no plug-in unless it is named."""
    plugin(tmp_path, "hybridplace_acme", "raise SystemExit('loaded')")
    monkeypatch.chdir(tmp_path)
    assert "acme" not in told(load_plugins())


BROKEN = {
    "import": ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
    "syntax": ("def", "cannot be loaded: SyntaxError"),
    "exit": ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
    "no hook": ("x = 1", "has no hook; define one of: hybridplace_providers"),
    "wrong hook": (
        "def hybridplace_provider(): return []",
        "unknown hook 'hybridplace_provider' (did you mean 'hybridplace_providers'?)",
    ),
    "unknown argument": (
        "def hybridplace_providers(settings): return []",
        "hook 'hybridplace_providers' has no argument 'settings'; its arguments: none",
    ),
    "hook raises": (
        "def hybridplace_providers(): raise OSError('disk\\nfull')",
        "hook 'hybridplace_providers' raised: OSError: disk full",
    ),
    "hook exits": (
        "import sys\ndef hybridplace_providers(): sys.exit('bye')",
        "hook 'hybridplace_providers' raised: SystemExit: bye",
    ),
    "a class": (
        GOOD.replace("return [Good]", "return Good"),
        "expected a list of Provider classes, got class Good; return a list",
    ),
    "an object": (
        GOOD.replace("return [Good]", "return [3]"),
        "expected a Provider class, got an object of class int; hand over the class itself",
    ),
    "not derived": (
        "class Mine: pass\ndef hybridplace_providers(): return [Mine]",
        "Mine is not a Provider; derive it from hybridplace's Provider",
    ),
    "wrong version": (
        GOOD.replace('name = "NAME"', 'name = "NAME"; api_version = 7'),
        "provider 'acme' was written for plug-in API 7; this hybridplace speaks 1",
    ),
    "missing methods": (
        GOOD.replace("def release", "def releases").replace("def leases", "def lease"),
        "provider 'acme' lacks leases(), release()",
    ),
    "no name": (GOOD.replace('name = "NAME"', "pass"), "Good has no name; set `name` to"),
    "bad name": (GOOD.replace('"NAME"', '"My Cloud"'), "Good has the name 'My Cloud'; set"),
    "unknown feature": (
        GOOD.replace('name = "NAME"', 'name = "NAME"; features = {"spots"}'),
        "provider 'acme' declares the unknown feature 'spots' (did you mean 'spot'?); known: spot,",
    ),
    "no set of features": (
        GOOD.replace('name = "NAME"', 'name = "NAME"; features = 3'),
        "provider 'acme': features must be a set of Feature, got 3",
    ),
    "no mapping of options": (
        GOOD.replace('name = "NAME"', 'name = "NAME"; options = ["image"]'),
        "provider 'acme': options must map names of letters, digits, '-' and '_' to what each",
    ),
    "option with a dot": (
        GOOD.replace('name = "NAME"', 'name = "NAME"; options = {"a.b": "which a"}'),
        "to what each means, got {'a.b': 'which a'}",
    ),
    "twice": (
        GOOD.replace("return [Good]", "return [Good, Good]"),
        "provider 'acme' is handed over twice; remove or rename one",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_told_and_stops_no_other(tmp_path, kind):
    """What is wrong is told in words at load, and the other plug-ins work."""
    text, expected = BROKEN[kind]
    files = [plugin(tmp_path, "acme", text), plugin(tmp_path, "other")]
    plugins = load_plugins(files)
    assert expected in told(plugins)["acme"]
    assert told(plugins)["other"] is None
    assert {"aws", "other", "static"} <= set(plugins.providers)
    assert "acme" not in plugins.providers


def test_a_file_that_is_not_there(tmp_path):
    """A named file that does not exist is told as such."""
    plugins = load_plugins([tmp_path / "gone.py"], names=["gone"])
    assert told(plugins)["gone"].startswith("cannot be loaded: FileNotFoundError")


def test_an_installed_plugin_whose_dependency_is_gone(tmp_path, monkeypatch):
    """A broken installation is told with its distribution and version; others go on."""
    distribution(tmp_path, "acme", "acme_cloud", "import no_such_sdk")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = load_plugins()
    (info,) = [info for info in plugins.infos if info.name == "acme"]
    assert ("acme_cloud", "1.7") == (info.origin, info.version)
    assert "cannot be loaded: ModuleNotFoundError: No module named 'no_such_sdk'" == info.error
    with pytest.raises(PluginError, match=r"plug-in 'acme' \(acme_cloud\) is broken: cannot be"):
        plugins.provider("acme", SETTINGS)
    assert "static" == plugins.provider("static", SETTINGS).name


def test_two_plugins_of_one_name(tmp_path, monkeypatch):
    """Neither is used, neither's code runs, and each names the other."""
    distribution(tmp_path / "site", "acme", "acme_cloud", "raise SystemExit('run')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    file = plugin(tmp_path, "hybridplace_acme", "raise SystemExit('run')")
    errors = {info.origin: info.error for info in load_plugins([file], names=["acme"]).infos}
    expected = "another plug-in is named 'acme' too ({}); remove or rename one"
    assert {
        "acme_cloud": expected.format(file),
        str(file): expected.format("acme_cloud"),
    } == errors


def test_two_providers_of_one_name(tmp_path):
    """Two plug-ins with the same provider are both unused, and each names the other."""
    files = [plugin(tmp_path, name, provider="cloud") for name in ("one", "two")]
    plugins = load_plugins([*files, plugin(tmp_path, "three")])
    told_one = told(plugins)["one"]
    assert f"provider 'cloud' is in plug-in 'two' ({files[1]}) too; remove one" in told_one
    assert "plug-in 'one'" in told(plugins)["two"]
    assert told(plugins)["three"] is None
    assert "cloud" not in plugins.providers
    with pytest.raises(PluginError, match="no provider 'cloud'"):
        plugins.provider("cloud", SETTINGS)


def test_the_environment_leaves_plugins_out(tmp_path, monkeypatch):
    """HYBRIDPLACE_PLUGINS names the plug-ins to load; the code of others never runs."""
    monkeypatch.setenv(ENVIRONMENT, " static , good,")
    files = [plugin(tmp_path, "acme", "raise SystemExit('run')"), plugin(tmp_path, "good")]
    plugins = load_plugins(files)
    assert {"good": None, "static": None} == told(plugins)
    assert ("acme", "aws") == plugins.left_out
    with pytest.raises(PluginError, match=f"'aws' is installed, but {ENVIRONMENT} leaves it out"):
        plugins.provider("aws", SETTINGS)


def test_an_empty_environment_loads_none(monkeypatch):
    """An empty HYBRIDPLACE_PLUGINS is no plug-in at all."""
    monkeypatch.setenv(ENVIRONMENT, "")
    assert ({}, ()) == (dict(load_plugins().providers), load_plugins().infos)


def test_a_misspelt_name_is_told(monkeypatch):
    """A plug-in that was asked for and is not there is told, with the nearest name."""
    monkeypatch.setenv(ENVIRONMENT, "statik")
    plugins = load_plugins()
    assert {"statik": "asked for, but not installed (did you mean 'static'?)"} == told(plugins)


def test_an_absent_provider_is_told():
    """A provider that is not there is told with what is, and the nearest name."""
    with pytest.raises(PluginError) as raised:
        load_plugins(names=["static", "aws"]).provider("statics", SETTINGS)
    assert (
        "no provider 'statics'; installed: aws, static (did you mean 'static'?); install a plug-in "
        "that has it, or name its file under plugins: in the estate"
    ) == str(raised.value)


def test_a_constructor_that_raises(tmp_path):
    """A provider that cannot be made is a ProviderError that names it and its plug-in."""
    text = GOOD.replace("    def sites", "    def __init__(self, settings): 1 / 0\n    def sites")
    plugins = load_plugins([plugin(tmp_path, "acme", text, "cloud")], names=["acme"])
    with pytest.raises(ProviderError) as raised:
        plugins.provider("cloud", SETTINGS)
    assert (
        "provider 'cloud' of plug-in 'acme' failed in its constructor: ZeroDivisionError: division "
        "by zero; a fault of the plug-in: report it to its author"
    ) == str(raised.value)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_nothing_is_kept_between_loads(tmp_path):
    """Each load reads the file anew and knows nothing of the one before."""
    file = plugin(tmp_path, "acme", "broken")
    assert told(load_plugins([file], names=["acme"]))["acme"] is not None
    plugin(tmp_path, "acme")
    assert told(load_plugins([file], names=["acme"]))["acme"] is None
