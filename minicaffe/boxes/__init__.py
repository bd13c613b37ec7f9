"""Boxes in images: how much they overlap, which of them are left, how offsets tell them.

A box is a row of four: xmin, ymin, xmax, ymax, in any unit. Arrays are NumPy's, (N, 4), on the
host, and what is computed has their dtype. No box is changed in place.
"""
