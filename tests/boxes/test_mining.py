from __future__ import annotations

from functools import partial

import numpy as np

from minicaffe.boxes.mining import hard_examples, hardest, negatives

MATCHES = np.array([-1, 1, -1, -2, -1, 0, -1])
OVERLAPS = np.array([0.1, 0.9, 0.5, 0, 0.2, 0.6, 0.4])
LOSSES = np.array([1.0, 9, 8, 7, 3, 0.5, 3])
choose = partial(hardest, LOSSES)


def test_hardest():
    assert hardest(LOSSES, np.arange(7), 3).tolist() == [1, 2, 3]
    assert hardest(LOSSES, np.array([6, 4, 0]), 2).tolist() == [6, 4]  # equal: as they come
    assert hardest(LOSSES, np.arange(7), 0).size == 0


def test_negatives():
    assert negatives(MATCHES, OVERLAPS, 0.5, 1.5, choose).tolist() == [0, 4, 6]  # 3 for 2
    assert negatives(MATCHES, OVERLAPS, 0.5, 0.5, choose).tolist() == [4]
    assert negatives(MATCHES, OVERLAPS, 0.51, 0.5, choose).tolist() == [2]
    assert negatives(MATCHES, OVERLAPS, 0.5, 99, choose).tolist() == [0, 4, 6]
    assert negatives(np.full(7, -1), OVERLAPS, 0.5, 3, choose).size == 0


def test_hard_examples():
    left, background = hard_examples(MATCHES, 3, choose)
    assert left.tolist() == [-1, 1, -1, -2, -1, -1, -1]  # box 5 loses little
    assert background.tolist() == [2, 4]
    left, background = hard_examples(MATCHES, 100, choose)
    assert left.tolist() == MATCHES.tolist()
    assert background.tolist() == [0, 2, 4, 6]
