"""What ``import caffe`` finds in the processes that a script starts.

``multiprocessing`` starts some anew, and runs the script in them once more to know its functions;
all that such a process has of its parent is ``sys.path``, at whose end the folder of this file is.
"""

from __future__ import annotations

import importlib
import sys

from minicaffe.pycaffe import alias

if __name__ == "caffe":  # and not one of minicaffe's own modules
    alias.install()
    del sys.modules[__name__]
    importlib.import_module(__name__)
