"""Computes again what a plan says of itself, its bound above all, from the problem and its prices.

It shares no code with the solver: what both say is thus said twice.
"""

from hybridplace.checker.check import Checked, check

__all__ = ["Checked", "check"]
