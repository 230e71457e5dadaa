"""The values everything else speaks in, the cost formulas, and the checks on them."""
