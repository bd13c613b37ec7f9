"""The schema under its name in Caffe: ``from minicaffe.proto import caffe_pb2``."""

from minicaffe.proto.minicaffe_pb2 import *
