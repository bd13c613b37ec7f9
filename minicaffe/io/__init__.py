"""Arrays in and out of Caffe's messages, and images made ready for a net: pycaffe's ``caffe.io``.

After: python/caffe/io.py.
"""

from minicaffe.io.as_trained import as_trained
from minicaffe.io.images import ImageFileError, load_image, oversample
from minicaffe.io.messages import (
    array_to_blobproto,
    array_to_datum,
    arraylist_to_blobprotovector_str,
    blobproto_to_array,
    blobprotovector_str_to_arraylist,
    datum_to_array,
)
from minicaffe.io.resize import resize_image
from minicaffe.io.transformer import Transformer
from minicaffe.proto import caffe_pb2  # scripts know it as caffe.io.caffe_pb2

__all__ = [
    "ImageFileError",
    "Transformer",
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "as_trained",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "caffe_pb2",
    "datum_to_array",
    "load_image",
    "oversample",
    "resize_image",
]
