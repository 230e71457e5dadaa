"""Gather, plan, diff, apply."""

from hybridplace.engine.actions import diff, due, key_of, plan_id, release_of, times_h
from hybridplace.engine.engine import Engine, Step

__all__ = ["Engine", "Step", "diff", "due", "key_of", "plan_id", "release_of", "times_h"]
