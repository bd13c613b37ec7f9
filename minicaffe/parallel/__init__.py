"""Data-parallel training: a process for each device, each with its part of the data.

``communicator`` is what the processes need of whatever ties them together; ``host`` and ``nccl``
are two such ties on one machine. ``together`` is what a solver does at each iteration, whatever
the tie, and ``launch`` and ``worker`` are how the processes of one machine come and go. Another
tie, or processes that something else has started, need a ``Communicator`` and ``Together``.
"""
