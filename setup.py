"""Build minicaffe: the top-level folders below become subpackages of ``minicaffe``."""

from setuptools import setup

PACKAGES = {
    "minicaffe": "minicaffe",
    "minicaffe.boxes": "minicaffe/boxes",
    "minicaffe.cli": "minicaffe/cli",
    "minicaffe.data": "minicaffe/data",
    "minicaffe.data.annotated": "minicaffe/data/annotated",
    "minicaffe.drawing": "minicaffe/drawing",
    "minicaffe.fusion": "minicaffe/fusion",
    "minicaffe.io": "minicaffe/io",
    "minicaffe.ops": "minicaffe/ops",
    "minicaffe.parallel": "minicaffe/parallel",
    "minicaffe.pycaffe": "minicaffe/pycaffe",
    "minicaffe.pycaffe.child": "minicaffe/pycaffe/child",
    "minicaffe.python_layers": "minicaffe/python_layers",
    "minicaffe.viz": "minicaffe/viz",
    "minicaffe.proto": "proto",
    "minicaffe.layers": "layers",
    "minicaffe.solvers": "solvers",
    "minicaffe.models": "models",
}

setup(
    packages=sorted(PACKAGES),
    package_dir=PACKAGES,
    package_data={
        "minicaffe": ["py.typed", "*.pyi"],
        "minicaffe.layers": ["*.pyi"],
        "minicaffe.proto": ["*.proto", "*.pyi"],
        "minicaffe.models": ["*/*.prototxt", "*/net.py", "*/README.md"],
    },
)
