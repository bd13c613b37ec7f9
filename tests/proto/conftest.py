"""Hypothesis draws the same examples each time: what CI sees, a developer sees."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("minicaffe", deadline=None, derandomize=True, database=None)
settings.load_profile("minicaffe")
