"""Options of one chunk after another are those of all chunks together."""

from __future__ import annotations

import numpy as np
import pytest

from hybridplace.solver.store import EXACT, WHOLE, Store


def _part(job: list[int], limit: list[list[int]], seed: int) -> dict[str, np.ndarray]:
    """Return a chunk; the columns of its limits are given, all else is drawn, some of it 0."""
    draw, n = np.random.default_rng(seed), len(job)
    part = {name: draw.integers(0, 3, n).astype(np.int32) for name in WHOLE}
    part |= {name: draw.integers(0, 3, n).astype(np.float64) for name in EXACT}
    limits = np.array(limit, np.int32).reshape(n, -1)
    return part | {
        "job": np.array(job, np.int32),
        "use": draw.random((n, 3)),
        "curve": np.full(n, -1, np.int32),
        "curves": np.ones((0, 1)),
        "limit": limits,
        "limit_use": np.where(limits >= 0, draw.random(limits.shape), 0.0),
    }


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(([[0], [0]], [[0]]), id="only the first limit, which is number 0"),
        pytest.param(([[-1], [0]], [[0]]), id="none, then the first"),
        pytest.param(([[], []], [[0]]), id="no column, then one of zeros"),
        pytest.param(([[0], [-1]], [[0, 1]]), id="a column more"),
        pytest.param(([[0, 1], [1, -1]], [[0]]), id="a column less"),
    ],
)
def test_chunks_are_held_as_they_came(limits):
    """A column of zeros is not written, and still says limit 0; what is missing is no limit."""
    store, parts = Store(3, 1), [_part([0, 1], limits[0], 1), _part([2], limits[1], 2)]
    for part, done in zip(parts, (2, 3), strict=True):
        store.add(dict(part), done)
    options, _ = store.options()
    wide = max(part["limit"].shape[1] for part in parts)
    for name, none in (("limit", -1), ("limit_use", 0.0)):
        padded = [
            np.pad(part[name], ((0, 0), (0, wide - part[name].shape[1])), constant_values=none)
            for part in parts
        ]
        assert getattr(options, name).tolist() == np.concatenate(padded).tolist()
    for name in (*EXACT, *WHOLE):
        together = np.concatenate([part[name] for part in parts])
        assert getattr(options, name).tolist() == together.tolist()
    assert options.first.tolist() == [0, 1, 2, 3]
