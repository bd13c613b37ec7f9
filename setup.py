"""Build minicaffe: the top-level folders below become subpackages of ``minicaffe``."""

from setuptools import setup

PACKAGES = {
    "minicaffe": "minicaffe",
    "minicaffe.cli": "minicaffe/cli",
    "minicaffe.data": "minicaffe/data",
    "minicaffe.ops": "minicaffe/ops",
    "minicaffe.proto": "proto",
    "minicaffe.layers": "layers",
    "minicaffe.solvers": "solvers",
    "minicaffe.models": "models",
}

setup(
    packages=sorted(PACKAGES),
    package_dir=PACKAGES,
    package_data={
        "minicaffe": ["py.typed"],
        "minicaffe.proto": ["*.proto", "*.pyi"],
        "minicaffe.models": ["*/*.prototxt", "*/README.md"],
    },
)
