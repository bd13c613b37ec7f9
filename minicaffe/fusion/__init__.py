"""Layers that follow each other and run as one: one module a kind.

Only where nobody can see the difference: what lies between the layers has no name of its own,
since all but the first work in place.
"""

from minicaffe.fusion.base import Fusion, Stage, stages

__all__ = ["Fusion", "Stage", "stages"]
