"""A folder for the end of ``sys.path``: it holds a module of the name ``caffe``."""
