"""Nets to start from: one folder each, with its definition and its solver."""
