from __future__ import annotations

from minicaffe.drawing.graph import Edge
from minicaffe.drawing.threads import Segment, thread


def test_a_short_edge_is_one_segment():
    threads = thread([Edge(0, "a", 1)], [0, 1])
    assert threads.segments == [Segment(0, 1, "a")]
    assert threads.rows == [[0], [1]]


def test_readers_of_one_blob_share_a_thread():
    near, far = Edge(0, "a", 1), Edge(0, "a", 2)
    threads = thread([far, near], [0, 2, 3])
    assert threads.rows == [[0], [3], [1, 4], [2]]
    assert threads.segments == [Segment(0, 3, "a"), Segment(3, 1, "a"), Segment(3, 4, "a"),
                                Segment(4, 2, "a")]  # fmt: skip
    assert threads.paths == [(near, [0, 3, 1], 0), (far, [0, 3, 4, 2], 1)]


def test_two_blobs_of_one_box_have_a_thread_each():
    threads = thread([Edge(0, "a", 1), Edge(0, "b", 1)], [0, 2])
    assert threads.rows == [[0], [2, 3], [1]]
