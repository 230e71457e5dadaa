"""The edge: files become model values here, and plans become files.

Nothing heavy is loaded before one of these functions is called.
"""

from hybridplace.io.planfile import dumps_plan, read_plan, refuse_overwriting, write_plan
from hybridplace.io.reader import (
    check_input,
    estate_schema,
    jobs_schema,
    read_estate,
    read_input,
    read_jobs,
)

__all__ = [
    "check_input",
    "dumps_plan",
    "estate_schema",
    "jobs_schema",
    "read_estate",
    "read_input",
    "read_jobs",
    "read_plan",
    "refuse_overwriting",
    "write_plan",
]
