"""What policies allow: loads Cedar policies, asks them about jobs, datasets and sites, tests them.

Cedar (the library ``cedarpy``) is imported when the first policy is loaded.
"""

from hybridplace.policy.decide import Decision, decide, explain
from hybridplace.policy.load import PolicySet, load, shipped
from hybridplace.policy.notes import notes
from hybridplace.policy.row import Row
from hybridplace.policy.table import Outcome, Table, check, read_table, run_table

__all__ = [
    "Decision",
    "Outcome",
    "PolicySet",
    "Row",
    "Table",
    "check",
    "decide",
    "explain",
    "load",
    "notes",
    "read_table",
    "run_table",
    "shipped",
]
