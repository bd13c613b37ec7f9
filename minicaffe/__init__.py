"""minicaffe: declarative training from prototxt files, on numpy or CuPy."""

__version__ = "0.1.0"
