"""Clusters of references."""

from __future__ import annotations

import numpy as np

from loradiag.baselines.topics import assign, find_centres, nearest_to


def test_separate_clusters_are_found() -> None:
    """Four bundles of directions give four topics, one each, whose examples lie in them."""
    rng = np.random.default_rng(0)
    axes = np.eye(8)[:4]
    vectors = np.repeat(axes, 50, axis=0) + 0.05 * rng.normal(size=(200, 8))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    centres = find_centres(unit, 4, seed=0)
    topics = assign(unit, centres)
    assert [len(set(topics[start : start + 50])) for start in range(0, 200, 50)] == [1, 1, 1, 1]
    assert len(set(topics)) == 4
    assert np.allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-3)
    assert [topics[row] for row in nearest_to(centres, unit)] == list(range(4))


def test_few_references_have_few_topics() -> None:
    """Twenty-five references a topic, and at least one topic."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 4)).astype(np.float16)
    assert len(find_centres(vectors, 20, seed=0)) == 2
    assert len(find_centres(vectors[:5], 20, seed=0)) == 1
