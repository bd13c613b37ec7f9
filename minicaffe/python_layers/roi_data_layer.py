"""The module ``roi_data_layer.layer`` that definitions for training Fast and Faster R-CNN name."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.errors import DataError, LayerConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import LayerParameter
from minicaffe.python_layer import Layer
from minicaffe.python_layers.param_str import mapping, number
from minicaffe.user_blob import Blob

# what a top holds, by its name, before anybody says how much there is; K: 4 for each class
_SHAPES: dict[str, tuple[int | str, ...]] = {
    "data": (1, 3, 600, 1000),
    "im_info": (1, 3),
    "gt_boxes": (1, 5),
    "rois": (1, 5),
    "labels": (1,),
    "bbox_targets": (1, "K"),
    "bbox_inside_weights": (1, "K"),
    "bbox_outside_weights": (1, "K"),
    "bbox_loss_weights": (1, "K"),
}


class RoIDataLayer(Layer):
    """Images and their regions, which the caller puts into the tops before each forward.

    The layer of py-faster-rcnn gives out what its scripts have prepared. That is theirs: where
    their module can be imported it is used, and not this one, by which their definitions build,
    and train in a loop of one's own: ``net.blobs["data"].reshape(...)``, ``.data[...] = ...``, and
    so on for the others, then ``solver.step(1)``.

    Shapes, until the caller says others, of the tops by these names, in any order:
        data                                        (1, 3, 600, 1000)
        im_info                                     (1, 3): height, width, scale
        gt_boxes                                    (1, 5): x1, y1, x2, y2, class
        rois                                        (1, 5): number of the image, x1, y1, x2, y2
        labels                                      (1,)
        bbox_targets, bbox_inside_weights,
        bbox_outside_weights, bbox_loss_weights     (1, 4 num_classes)
    Definition: ``param_str``: ``num_classes``, needed for the last four.
    After: R. Girshick, "Fast R-CNN", 2015, and S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN:
    towards real-time object detection with region proposal networks", 2015, and their layer.
    Differs: reads nothing by itself.
    """

    def __init__(self, param: LayerParameter) -> None:
        super().__init__(param)
        self._names = list(param.top)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        classes = int(number(mapping(self.param_str), "num_classes", 0))
        for name, blob in zip(self._names, top, strict=True):
            if name not in _SHAPES:
                hint = did_you_mean(name, list(_SHAPES))
                raise LayerConfigError(f"a top is {name!r}, expected one by what it holds: {hint}")
            shape = [4 * classes if side == "K" else int(side) for side in _SHAPES[name]]
            if 0 in shape:
                raise LayerConfigError(
                    f"num_classes is missing in param_str, expected how many: {name} has 4 numbers "
                    "for each"
                )
            blob.reshape(*shape)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return  # as the caller has left them

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if top and not top[0].data.any():
            raise DataError(
                f"{self._names[0]} holds zeros, expected what the caller puts there before each "
                "forward; or a module roi_data_layer on PYTHONPATH, which reads a training set"
            )
