"""The page on the command line."""

from __future__ import annotations

import re

from hybridplace.mock.faults import read_faults
from tests.cli.regenerate import DOCS, docs


def test_the_page_says_what_help_says():
    """docs/cli.md holds the help of every command as it is; tests/cli/regenerate.py makes it."""
    assert docs() == DOCS.read_text()


def test_the_faults_on_the_page_can_be_used():
    """Each example of --fault is one that the program takes."""
    faults = re.findall(r"^--fault (\S+)", DOCS.read_text(), re.MULTILINE)

    assert len(faults) > 3
    assert len(faults) == len(read_faults(faults))
