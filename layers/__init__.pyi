# Written by `make proto` (minicaffe/stubs.py).
# ruff: noqa: E501, N802
"""Layers: one module for each type, and ``L``: what writes definitions of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Literal, TypedDict, Unpack

from google.protobuf.message import Message

from minicaffe.layers.base import Arity as Arity
from minicaffe.layers.base import Layer as Layer
from minicaffe.layers.registry import create_layer as create_layer
from minicaffe.layers.registry import layer_classes as layer_classes
from minicaffe.layers.registry import register_layer as register_layer
from minicaffe.net_functions import Top

__all__ = ["Arity", "Layer", "create_layer", "layer_classes", "register_layer"]

_Message = Mapping[str, Any] | Message
_String = str | PathLike[str]

class Tops(Top):
    """A top; with ``ntop`` a tuple of tops, or the layer itself where that is 0."""

    def __iter__(self) -> Iterator[Top]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Top: ...

class _Layer(TypedDict, total=False):
    """What every layer may be given."""

    ntop: int
    in_place: bool
    name: _String
    top: _String | Iterable[_String]
    loss_weight: float | Iterable[float]
    param: _Message | Iterable[_Message]
    propagate_down: bool | Iterable[bool]
    include: _Message | Iterable[_Message]
    exclude: _Message | Iterable[_Message]
    blobs: _Message | Iterable[_Message]
    phase: int | Literal["TRAIN", "TEST"]

def AbsVal(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = |x|``, of gradient 0 at 0."""

def Accuracy(
    *inputs: Top,
    top_k: int | None = 1,
    axis: int | None = 1,
    ignore_label: int | None = ...,
    accuracy_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The share of positions where fewer than k other scores reach that of the label.

    Args:
        top_k: Among how many. Default: 1.
        axis: Of the classes, in the scores; negative from the end. Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
    """

def ArgMax(
    *inputs: Top,
    out_max_val: bool | None = False,
    top_k: int | None = 1,
    axis: int | None = ...,
    argmax_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The indices of the k highest scores, from the highest down; or the scores themselves.

    Args:
        out_max_val: Put out the values too; with axis, instead of the indices. Default: false.
        top_k: How many, from the highest down. Default: 1.
        axis: The axis that is searched; negative from the end. Not given: all but the first as
            one.
    """

def BNLL(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = log(1 + exp(x))``, the binomial normal log likelihood."""

def BatchNorm(
    *inputs: Top,
    use_global_stats: bool | None = ...,
    moving_average_fraction: float | None = 0.999,
    eps: float | None = 1e-05,
    scale_bias: bool | None = False,
    scale_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    batch_norm_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x - mean) / sqrt(variance + eps)``, by channel.

    Args:
        use_global_stats: Take the stored mean and variance (true), or those of the batch
            (false). Not given: true in the TEST phase, false in TRAIN.
        moving_average_fraction: What is left of the stored sums with each batch: 0.999
            remembers about 1000 batches. Default: 0.999.
        eps: Added to the variance. Default: 1e-05.
        scale_bias: Of NVIDIA's fork: a factor and an offset for each channel, as two more
            parameters. Default: false.
        scale_filler: How the factor starts: 1 if not given.
        bias_filler: How the offset starts: 0 if not given.
    """

def BatchReindex(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[m] = x[index[m]]``; an item that is chosen several times gets the sum of the gradients."""

def Bias(
    *inputs: Top,
    axis: int | None = 1,
    num_axes: int | None = 1,
    filler: _Message | None = ...,
    bias_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x + b``, with b broadcast along k axes of x, from axis a on.

    Args:
        axis: The first axis of x that b goes along; negative from the end. Default: 1.
        num_axes: How many axes of x the parameter goes along; -1 for all from axis on, 0 for
            one single value. Not read where there is a second bottom. Default: 1.
        filler: How the parameter starts: 0 if not given.
    """

def Clip(
    *inputs: Top,
    min: float | None = ...,
    max: float | None = ...,
    clip_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = max(min, min(x, max))``; both ends pass the gradient, what is outside does not.

    Args:
        min: Lowest value to leave.
        max: Highest value to leave.
    """

def Concat(
    *inputs: Top,
    axis: int | None = 1,
    concat_dim: int | None = 1,
    concat_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x_0, x_1, ...)`` along an axis.

    Args:
        axis: Which axis; negative from the end. Default: 1.
        concat_dim: Deprecated for axis, which it excludes; not negative. Default: 1.
    """

def ContrastiveLoss(
    *inputs: Top,
    margin: float | None = 1.0,
    legacy_version: bool | None = False,
    contrastive_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(s d ** 2 + (1 - s) max(margin - d, 0) ** 2) / (2 N)``, d = |a - b|.

    Args:
        margin: How far apart is far enough. Default: 1.
        legacy_version: Others cost max(margin - d^2, 0), as in the first Caffes, in place of
            max(margin - d, 0)^2, which is what the paper says; d is their distance. Default:
            false.
    """

def Convolution(
    *inputs: Top,
    num_output: int | None = ...,
    kernel_size: int | Iterable[int] | None = ...,
    stride: int | Iterable[int] | None = ...,
    pad: int | Iterable[int] | None = ...,
    dilation: int | Iterable[int] | None = ...,
    group: int | None = 1,
    bias_term: bool | None = True,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    axis: int | None = 1,
    kernel_h: int | None = ...,
    kernel_w: int | None = ...,
    stride_h: int | None = ...,
    stride_w: int | None = ...,
    pad_h: int | None = 0,
    pad_w: int | None = 0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    force_nd_im2col: bool | None = False,
    convolution_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[o] = bias[o] + sum over c of w[o, c] * x[c]``, where * slides w over x without flipping.

    Args:
        num_output: Number of filters: channels of the top. Has to be given.
        kernel_size: Size of the filters: one number for all axes, or one for each. Or kernel_h
            and kernel_w.
        stride: Steps from one place to the next: 1, one number for all axes, or one for each.
        pad: Zeros around the bottom, on each side: none, one number for all axes, or one for
            each.
        dilation: Distance of neighbours in a filter: 1, one number for all axes, or one for
            each.
        group: Cuts channels in and out into so many parts, each part of the top seeing one of
            the bottom. As many as channels: a depthwise convolution. Default: 1.
        bias_term: Add a parameter to each channel of the top. Default: true.
        weight_filler: How the weights start. Not given: at 0, where nothing is learned;
            "xavier" or "msra" are usual.
        bias_filler: How the bias starts: 0 if not given.
        axis: Of the channels; those after it are gone over. Negative from the end. Default: 1.
        kernel_h: Height of the filters, in images; with kernel_w, in place of kernel_size.
        kernel_w: Width of the filters.
        stride_h: Steps downwards; with stride_w, in place of stride.
        stride_w: Steps to the right.
        pad_h: Rows of zeros above and below; with pad_w, in place of pad. Default: 0.
        pad_w: Columns of zeros left and right. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
        force_nd_im2col: Use the code for any number of axes for two as well; for tests.
            Default: false.
    """

def Crop(
    *inputs: Top,
    axis: int | None = 2,
    offset: int | Iterable[int] | None = ...,
    crop_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x[..., o_a : o_a + r_a, ..., o_n : o_n + r_n]``; outside, the gradient for x is 0.

    Args:
        axis: The first axis that is cut; negative from the end. Default: 2.
        offset: Where the part starts: one number for all axes that are cut, or one for each; 0
            if not given.
    """

def Data(
    *inputs: Top,
    source: _String | None = ...,
    backend: int | Literal["LEVELDB", "LMDB"] | None = ...,
    batch_size: int | None = ...,
    prefetch: int | None = 4,
    rand_skip: int | None = 0,
    force_encoded_color: bool | None = False,
    scale: float | None = 1.0,
    mean_file: _String | None = ...,
    crop_size: int | None = 0,
    mirror: bool | None = False,
    data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    loader_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N records of a database, transformed: ``(x - mean) * scale`` of a window of each.

    Args:
        source: The database: a folder, from the working directory.
        backend: Kind of database. Mind the default: most are LMDB. Default: LEVELDB.
        batch_size: Images in a batch.
        prefetch: Batches that are read ahead. Default: 4.
        rand_skip: Deprecated, and read by nothing: records to skip at the start. Default: 0.
        force_encoded_color: Read by nothing; force_color of transform_param does it. Default:
            false.
        scale: Deprecated for scale of transform_param; moved there when read. Default: 1.
        mean_file: Deprecated for mean_file of transform_param; moved there when read.
        crop_size: Deprecated for crop_size of transform_param; moved there when read. Default:
            0.
        mirror: Deprecated for mirror of transform_param; moved there when read. Default: false.
    """

def Deconvolution(
    *inputs: Top,
    num_output: int | None = ...,
    kernel_size: int | Iterable[int] | None = ...,
    stride: int | Iterable[int] | None = ...,
    pad: int | Iterable[int] | None = ...,
    dilation: int | Iterable[int] | None = ...,
    group: int | None = 1,
    bias_term: bool | None = True,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    axis: int | None = 1,
    kernel_h: int | None = ...,
    kernel_w: int | None = ...,
    stride_h: int | None = ...,
    stride_w: int | None = ...,
    pad_h: int | None = 0,
    pad_w: int | None = 0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    force_nd_im2col: bool | None = False,
    convolution_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[o] = bias[o] + sum over c of w[c, o] * x[c]``: each element of x puts a copy of w into y.

    Args:
        num_output: Number of filters: channels of the top. Has to be given.
        kernel_size: Size of the filters: one number for all axes, or one for each. Or kernel_h
            and kernel_w.
        stride: Steps from one place to the next: 1, one number for all axes, or one for each.
        pad: Zeros around the bottom, on each side: none, one number for all axes, or one for
            each.
        dilation: Distance of neighbours in a filter: 1, one number for all axes, or one for
            each.
        group: Cuts channels in and out into so many parts, each part of the top seeing one of
            the bottom. As many as channels: a depthwise convolution. Default: 1.
        bias_term: Add a parameter to each channel of the top. Default: true.
        weight_filler: How the weights start. Not given: at 0, where nothing is learned;
            "xavier" or "msra" are usual.
        bias_filler: How the bias starts: 0 if not given.
        axis: Of the channels; those after it are gone over. Negative from the end. Default: 1.
        kernel_h: Height of the filters, in images; with kernel_w, in place of kernel_size.
        kernel_w: Width of the filters.
        stride_h: Steps downwards; with stride_w, in place of stride.
        stride_w: Steps to the right.
        pad_h: Rows of zeros above and below; with pad_w, in place of pad. Default: 0.
        pad_w: Columns of zeros left and right. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
        force_nd_im2col: Use the code for any number of axes for two as well; for tests.
            Default: false.
    """

def Dropout(
    *inputs: Top,
    dropout_ratio: float | None = 0.5,
    scale_train: bool | None = True,
    sample_weights_test: bool | None = False,
    dropout_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x * m / (1 - dropout_ratio)`` in TRAIN, m 0 with that probability, else 1; ``y = x`` in
    TEST.

    Args:
        dropout_ratio: The share that is set to 0. Default: 0.5.
        scale_train: Of forks: false leaves the rest as it is in TRAIN, and makes all smaller in
            TEST. Default: true.
        sample_weights_test: Of SegNet's: drop in TEST too. Default: false.
    """

def DummyData(
    *inputs: Top,
    data_filler: _Message | Iterable[_Message] | None = ...,
    shape: _Message | Iterable[_Message] | None = ...,
    num: int | Iterable[int] | None = ...,
    channels: int | Iterable[int] | None = ...,
    height: int | Iterable[int] | None = ...,
    width: int | Iterable[int] | None = ...,
    dummy_data_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Tops of given shapes: constants filled once, others filled anew in every forward.

    Args:
        data_filler: How they are filled: 0 if not given.
        shape: Their shapes.
        num: Deprecated for shape: size of axis 0 of four.
        channels: Deprecated for shape: size of axis 1.
        height: Deprecated for shape: size of axis 2.
        width: Deprecated for shape: size of axis 3.
    """

def ELU(
    *inputs: Top,
    alpha: float | None = 1.0,
    elu_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = max(x, 0) + alpha * (exp(min(x, 0)) - 1)``, of slope ``alpha`` at 0.

    Args:
        alpha: How far down it goes. Default: 1.
    """

def Eltwise(
    *inputs: Top,
    operation: int | Literal["PROD", "SUM", "MAX"] | None = ...,
    coeff: float | Iterable[float] | None = ...,
    stable_prod_grad: bool | None = True,
    eltwise_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = sum_i coeff_i x_i`` (SUM), ``prod_i x_i`` (PROD) or ``max_i x_i`` (MAX).

    Args:
        operation: How they are joined. Default: SUM.
        coeff: For SUM: a factor for each bottom; all 1 if not given.
        stable_prod_grad: For PROD: compute the gradient from the other bottoms, which is slower
            than top / bottom but right where a value is 0. Default: true.
    """

def Embed(
    *inputs: Top,
    num_output: int | None = ...,
    input_dim: int | None = ...,
    bias_term: bool | None = True,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    embed_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = w[x] + bias``: what InnerProduct gives for vectors with a single 1, without them.

    Args:
        num_output: Numbers in a row. Has to be given.
        input_dim: Rows of the table: indices are from 0 to one less. Has to be given.
        bias_term: Add one more row to every row; true, unlike what most expect. Default: true.
        weight_filler: How the table starts: 0 if not given.
        bias_filler: How the bias starts: 0 if not given.
    """

def EuclideanLoss(
    *inputs: Top,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum((x - t) ** 2) / (2 N)``, over all elements of N items."""

def Exp(
    *inputs: Top,
    base: float | None = -1.0,
    scale: float | None = 1.0,
    shift: float | None = 0.0,
    exp_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = base ^ (shift + scale * x)``.

    Args:
        base: More than 0; -1 for e. Default: -1.
        scale: Factor to x. Default: 1.
        shift: Added to it. Default: 0.
    """

def Filter(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y_i = x_i[selector != 0]``, of as many items as there are; none is a number like others."""

def Flatten(
    *inputs: Top,
    axis: int | None = 1,
    end_axis: int | None = -1,
    flatten_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The same values in the same order, in fewer axes.

    Args:
        axis: The first of them; negative from the end. Default: 1.
        end_axis: The last of them. Default: -1.
    """

def HDF5Data(
    *inputs: Top,
    source: _String | None = ...,
    batch_size: int | None = ...,
    shuffle: bool | None = False,
    hdf5_data_param: _Message | None = ...,
    data_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N rows of the datasets that are named as the tops are.

    Args:
        source: A text file that lists the HDF5 files, one a line.
        batch_size: Rows in a batch.
        shuffle: Take files and rows in a new random order each time around. Default: false.
    """

def HDF5Output(
    *inputs: Top,
    file_name: _String | None = ...,
    hdf5_output_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Each forward adds the rows of its bottoms to the datasets ``data`` and ``label``.

    Args:
        file_name: The HDF5 file.
    """

def HingeLoss(
    *inputs: Top,
    norm: int | Literal["L1", "L2"] | None = ...,
    hinge_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(max(0, 1 - s x) ** p) / N``; s is 1 for the class of the label, -1 for others.

    Args:
        norm: What a score on the wrong side costs. Default: L1.
    """

def Im2col(
    *inputs: Top,
    num_output: int | None = ...,
    kernel_size: int | Iterable[int] | None = ...,
    stride: int | Iterable[int] | None = ...,
    pad: int | Iterable[int] | None = ...,
    dilation: int | Iterable[int] | None = ...,
    group: int | None = 1,
    bias_term: bool | None = True,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    axis: int | None = 1,
    kernel_h: int | None = ...,
    kernel_w: int | None = ...,
    stride_h: int | None = ...,
    stride_w: int | None = ...,
    pad_h: int | None = 0,
    pad_w: int | None = 0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    force_nd_im2col: bool | None = False,
    convolution_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[c * taps + t, p] = x[c, p * stride - pad + t * dilation]``, 0 outside x.

    Args:
        num_output: Number of filters: channels of the top. Has to be given.
        kernel_size: Size of the filters: one number for all axes, or one for each. Or kernel_h
            and kernel_w.
        stride: Steps from one place to the next: 1, one number for all axes, or one for each.
        pad: Zeros around the bottom, on each side: none, one number for all axes, or one for
            each.
        dilation: Distance of neighbours in a filter: 1, one number for all axes, or one for
            each.
        group: Cuts channels in and out into so many parts, each part of the top seeing one of
            the bottom. As many as channels: a depthwise convolution. Default: 1.
        bias_term: Add a parameter to each channel of the top. Default: true.
        weight_filler: How the weights start. Not given: at 0, where nothing is learned;
            "xavier" or "msra" are usual.
        bias_filler: How the bias starts: 0 if not given.
        axis: Of the channels; those after it are gone over. Negative from the end. Default: 1.
        kernel_h: Height of the filters, in images; with kernel_w, in place of kernel_size.
        kernel_w: Width of the filters.
        stride_h: Steps downwards; with stride_w, in place of stride.
        stride_w: Steps to the right.
        pad_h: Rows of zeros above and below; with pad_w, in place of pad. Default: 0.
        pad_w: Columns of zeros left and right. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
        force_nd_im2col: Use the code for any number of axes for two as well; for tests.
            Default: false.
    """

def ImageData(
    *inputs: Top,
    source: _String | None = ...,
    root_folder: _String | None = ...,
    batch_size: int | None = 1,
    shuffle: bool | None = False,
    rand_skip: int | None = 0,
    new_height: int | None = 0,
    new_width: int | None = 0,
    is_color: bool | None = True,
    scale: float | None = 1.0,
    mean_file: _String | None = ...,
    crop_size: int | None = 0,
    mirror: bool | None = False,
    label_dim: int | None = 0,
    image_data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    loader_param: _Message | None = ...,
    data_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N images of a list, transformed: ``(x - mean) * scale`` of a window of each.

    Args:
        source: A text file with an image's path and its label in each line.
        root_folder: Put before each path as it is: end it with a slash.
        batch_size: Images in a batch. Default: 1.
        shuffle: Take the lines in a new random order each time around. Default: false.
        rand_skip: Leave out up to this many lines at the start, by chance. Default: 0.
        new_height: Rows to scale each image to; with new_width. 0 to leave it. Default: 0.
        new_width: Columns to scale each image to; with new_height. 0 to leave it. Default: 0.
        is_color: Read the images as 3 channels (blue, green, red), or as 1. Default: true.
        scale: Deprecated for scale of transform_param; moved there when read. Default: 1.
        mean_file: Deprecated for mean_file of transform_param; moved there when read.
        crop_size: Deprecated for crop_size of transform_param; moved there when read. Default:
            0.
        mirror: Deprecated for mirror of transform_param; moved there when read. Default: false.
        label_dim: Not in Caffe: how many numbers, whole or not, follow the path in each line;
            the label is then of shape N x label_dim, or N where it is 1. 0: one whole number.
            Default: 0.
    """

def InfogainLoss(
    *inputs: Top,
    source: _String | None = ...,
    axis: int | None = 1,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    label_smoothing: float | None = 0.0,
    infogain_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(H[label] . log(max(softmax(x), 1e-20))) / divisor``, over all positions.

    Args:
        source: File (.binaryproto) of the matrix.
        axis: Of the classes, in the scores; negative from the end. Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def InnerProduct(
    *inputs: Top,
    num_output: int | None = ...,
    bias_term: bool | None = True,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    axis: int | None = 1,
    transpose: bool | None = False,
    inner_product_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = w x + bias`` for each vector x that is left when the axes from ``axis`` on are one.

    Args:
        num_output: Size of the top. Has to be given.
        bias_term: Add b, a parameter. Default: true.
        weight_filler: How W starts. Not given: at 0, where nothing is learned; "xavier" or
            "msra" are usual.
        bias_filler: How b starts: 0 if not given.
        axis: This axis and those after it are one x; those before it are the batch. Negative
            from the end. Default: 1.
        transpose: Store W as (inputs, outputs) in place of (outputs, inputs). Default: false.
    """

def Input(
    *inputs: Top,
    shape: _Message | Iterable[_Message] | None = ...,
    input_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Tops of given shapes, whose data is the caller's to set.

    Args:
        shape: One for all tops, or one for each; none where Net.reshape gives it.
    """

def LRN(
    *inputs: Top,
    local_size: int | None = 5,
    alpha: float | None = 1.0,
    beta: float | None = 0.75,
    norm_region: int | Literal["ACROSS_CHANNELS", "WITHIN_CHANNEL"] | None = ...,
    k: float | None = 1.0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    lrn_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x * (k + alpha * (mean of x^2 over the window around x))^-beta``.

    Args:
        local_size: How many neighbours, or how many a side, itself included: an odd number.
            Default: 5.
        alpha: Weight of the squares. Default: 1.
        beta: Power. Default: 0.75.
        norm_region: Where the neighbours are. Default: ACROSS_CHANNELS.
        k: Start of the sum. Default: 1.
        engine: Whose code computes it. Default: DEFAULT.
    """

def LSTM(
    *inputs: Top,
    num_output: int | None = 0,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    debug_info: bool | None = False,
    expose_hidden: bool | None = False,
    recurrent_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """For each step t, of N sequences side by side::

    Args:
        num_output: Size of the hidden state, and of the output. Has to be more than 0. Default:
            0.
        weight_filler: How the weights start: 0 if not given.
        bias_filler: How the biases start: 0 if not given.
        debug_info: Log the mean size of every blob in each step of time. Default: false.
        expose_hidden: Take the first hidden state from further bottoms and put the last out to
            further tops. Default: false.
    """

def LSTMUnit(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """Of the gates ``i, f, o, g`` before their activations::"""

def Log(
    *inputs: Top,
    base: float | None = -1.0,
    scale: float | None = 1.0,
    shift: float | None = 0.0,
    log_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = log(shift + scale * x) / log(base)``: infinite at log(0), NaN below.

    Args:
        base: Of the logarithm, more than 0; -1 for e. Default: -1.
        scale: Factor to x. Default: 1.
        shift: Added to it. Default: 0.
    """

def MVN(
    *inputs: Top,
    normalize_variance: bool | None = True,
    across_channels: bool | None = False,
    eps: float | None = 1e-09,
    mvn_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x - mean) / (std + eps)``; ``y = x - mean`` with ``normalize_variance: false``.

    Args:
        normalize_variance: Do divide. Default: true.
        across_channels: Take mean and deviation over all channels of an item. Default: false.
        eps: Added to the deviation. Default: 1e-09.
    """

def MemoryData(
    *inputs: Top,
    batch_size: int | None = ...,
    channels: int | None = ...,
    height: int | None = ...,
    width: int | None = ...,
    memory_data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N images of the arrays given to ``set_input_arrays``, round and round.

    Args:
        batch_size: Images in a batch; has to divide the number of images handed over.
        channels: Of the images.
        height: Rows of the images.
        width: Columns of the images.
    """

def MultinomialLogisticLoss(
    *inputs: Top,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(log(max(p[label], 1e-20))) / N``, over N items."""

def PReLU(
    *inputs: Top,
    filler: _Message | None = ...,
    channel_shared: bool | None = False,
    prelu_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = max(x, 0) + a * min(x, 0)``, ``a`` that of the element's channel.

    Args:
        filler: How a starts: 0.25 if not given.
        channel_shared: One a for all channels, in place of one for each. Default: false.
    """

def Parameter(
    *inputs: Top,
    shape: _Message | None = ...,
    parameter_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = w``, for layers that take their weights as a bottom.

    Args:
        shape: Its shape. It starts at 0.
    """

def Pooling(
    *inputs: Top,
    pool: int | Literal["MAX", "AVE", "STOCHASTIC", "ENSEMBLE_MAX"] | None = ...,
    kernel_size: int | None = ...,
    stride: int | None = 1,
    pad: int | None = 0,
    round_mode: int | Literal["CEIL", "FLOOR"] | None = ...,
    global_pooling: bool | None = False,
    kernel_h: int | None = ...,
    kernel_w: int | None = ...,
    stride_h: int | None = ...,
    stride_w: int | None = ...,
    pad_h: int | None = 0,
    pad_w: int | None = 0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    max_probability: float | None = 0.5,
    pooling_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The maximum, the mean, or in STOCHASTIC a random element of each window of each channel.

    Args:
        pool: What is taken of a window. Default: MAX.
        kernel_size: Size of the windows; or kernel_h and kernel_w. Has to be given, unless
            global_pooling.
        stride: Steps from one window to the next; or stride_h and stride_w. Default: 1.
        pad: Rows and columns around the image; or pad_h and pad_w. Less than the kernel.
            Default: 0.
        round_mode: What to do with a window that is not all in the image. Default: CEIL.
        global_pooling: One window as large as the image; excludes kernel_size, pad and stride.
            Default: false.
        kernel_h: Height of the windows; with kernel_w, in place of kernel_size.
        kernel_w: Width of the windows.
        stride_h: Steps downwards; with stride_w, in place of stride.
        stride_w: Steps to the right.
        pad_h: Rows above and below; with pad_w, in place of pad. Default: 0.
        pad_w: Columns left and right. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
        max_probability: For ENSEMBLE_MAX: of the largest. Default: 0.5.
    """

def Power(
    *inputs: Top,
    power: float | None = 1.0,
    scale: float | None = 1.0,
    shift: float | None = 0.0,
    power_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (shift + scale * x) ^ power``; NaN for a negative number to a fraction.

    Args:
        power: The power. Default: 1.
        scale: Factor to x. Default: 1.
        shift: Added to it. Default: 0.
    """

def Python(
    *inputs: Top,
    module: _String | None = ...,
    layer: _String | None = ...,
    param_str: _String | None = ...,
    share_in_parallel: bool | None = False,
    python_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Whatever the class ``layer`` of the module ``module`` computes.

    Args:
        module: The module it is in, as in an import statement.
        layer: The class.
        param_str: Handed to it as self.param_str; often JSON or YAML.
        share_in_parallel: Deprecated; has no effect. Default: false.
    """

def RNN(
    *inputs: Top,
    num_output: int | None = 0,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    debug_info: bool | None = False,
    expose_hidden: bool | None = False,
    recurrent_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """For each step t, of N sequences side by side::

    Args:
        num_output: Size of the hidden state, and of the output. Has to be more than 0. Default:
            0.
        weight_filler: How the weights start: 0 if not given.
        bias_filler: How the biases start: 0 if not given.
        debug_info: Log the mean size of every blob in each step of time. Default: false.
        expose_hidden: Take the first hidden state from further bottoms and put the last out to
            further tops. Default: false.
    """

def ReLU(
    *inputs: Top,
    negative_slope: float | None = 0.0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    relu_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = max(x, 0) + negative_slope * min(x, 0)``.

    Args:
        negative_slope: 0 for an ordinary ReLU, small for a leaky one. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
    """

def Reduction(
    *inputs: Top,
    operation: int | Literal["SUM", "ASUM", "SUMSQ", "MEAN"] | None = ...,
    axis: int | None = 0,
    coeff: float | None = 1.0,
    reduction_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = coeff * sum(x)`` (SUM), ``sum(|x|)`` (ASUM), ``sum(x^2)`` (SUMSQ) or their mean (MEAN),
    over all axes from a on.

    Args:
        operation: Which number. Default: SUM.
        axis: The first axis that goes; negative from the end. Default: 0.
        coeff: Factor to the result. Default: 1.
    """

def Reshape(
    *inputs: Top,
    shape: _Message | None = ...,
    axis: int | None = 0,
    num_axes: int | None = -1,
    reshape_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The same values in the same order, with the axes [a, b) replaced by others.

    Args:
        shape: The new sizes: 0 keeps the bottom's size of that axis, -1 (once) is what is left
            over.
        axis: The first axis of the bottom that shape is put in place of; negative from the end.
            Default: 0.
        num_axes: How many axes it is put in place of; -1 for all from axis on, 0 to add axes
            only. Default: -1.
    """

def SPP(
    *inputs: Top,
    pyramid_height: int | None = ...,
    pool: int | Literal["MAX", "AVE", "STOCHASTIC"] | None = ...,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    spp_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Spatial pyramid pooling: level l pools with 2^l by 2^l windows, flattened; the levels joined.

    Args:
        pyramid_height: How many levels: the last one has 2 ^ (pyramid_height - 1) windows a
            side.
        pool: What is taken of a window. Default: MAX.
        engine: Whose code computes it. Default: DEFAULT.
    """

def Scale(
    *inputs: Top,
    axis: int | None = 1,
    num_axes: int | None = 1,
    filler: _Message | None = ...,
    bias_term: bool | None = False,
    bias_filler: _Message | None = ...,
    scale_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x * s + b``, with s and b broadcast along k axes of x, from axis a on.

    Args:
        axis: The first axis of x that a goes along; negative from the end. Default: 1.
        num_axes: How many axes of x the parameter goes along; -1 for all from axis on, 0 for
            one single value. Not read where there is a second bottom. Default: 1.
        filler: How the parameter starts: 1 if not given.
        bias_term: Add a bias of the same shape, as a Bias layer would. Default: false.
        bias_filler: How the bias starts: 0 if not given.
    """

def Sigmoid(
    *inputs: Top,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    sigmoid_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = 1 / (1 + exp(-x))``, computed as ``0.5 tanh(0.5 x) + 0.5``.

    Args:
        engine: Whose code computes it. Default: DEFAULT.
    """

def SigmoidCrossEntropyLoss(
    *inputs: Top,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    label_smoothing: float | None = 0.0,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(t log(p) + (1 - t) log(1 - p)) / divisor``, p = 1 / (1 + exp(-x)).

    Args:
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def Silence(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """Nothing; the gradient for each bottom is 0."""

def Slice(
    *inputs: Top,
    axis: int | None = 1,
    slice_point: int | Iterable[int] | None = ...,
    slice_dim: int | None = 1,
    slice_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``(y_0, y_1, ...) = x`` along an axis: what Concat joins.

    Args:
        axis: Which axis; negative from the end. Default: 1.
        slice_point: Where each top but the first starts, in rising order. Not given: tops of
            one size.
        slice_dim: Deprecated for axis, which it excludes; not negative. Default: 1.
    """

def Softmax(
    *inputs: Top,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    softmax_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = exp(x) / sum(exp(x))``, the sum along one axis.

    Args:
        axis: Over which the sum is 1; negative from the end. Default: 1.
        engine: Whose code computes it. Default: DEFAULT.
        temperature: Not in Caffe: what the scores are divided by first; larger is softer.
            Default: 1.
    """

def SoftmaxWithLoss(
    *inputs: Top,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    label_smoothing: float | None = 0.0,
    softmax_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(log(max(softmax(x)[label], 2 ** -126))) / divisor``, over all positions.

    Args:
        axis: Over which the sum is 1; negative from the end. Default: 1.
        engine: Whose code computes it. Default: DEFAULT.
        temperature: Not in Caffe: what the scores are divided by first; larger is softer.
            Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def Split(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y_i = x``; the gradient for x is the sum of those for the y_i."""

def Swish(
    *inputs: Top,
    beta: float | None = 1.0,
    swish_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x / (1 + exp(-beta * x))``; with ``beta`` 1 also known as SiLU.

    Args:
        beta: How sharp the bend at 0 is. Default: 1.
    """

def TanH(
    *inputs: Top,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    tanh_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = tanh(x)``.

    Args:
        engine: Whose code computes it. Default: DEFAULT.
    """

def Threshold(
    *inputs: Top,
    threshold: float | None = 0.0,
    threshold_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = 1`` where ``x > threshold``, else 0, so also for NaN. It has no gradient.

    Args:
        threshold: What x has to exceed. Default: 0.
    """

def Tile(
    *inputs: Top,
    axis: int | None = 1,
    tiles: int | None = ...,
    tile_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x, x, ...)`` along an axis; the gradient for x is the sum of those for its copies.

    Args:
        axis: Along which they lie; negative from the end. Default: 1.
        tiles: How many. Has to be given.
    """

def WindowData(
    *inputs: Top,
    source: _String | None = ...,
    root_folder: _String | None = ...,
    batch_size: int | None = ...,
    fg_threshold: float | None = 0.5,
    bg_threshold: float | None = 0.5,
    fg_fraction: float | None = 0.25,
    context_pad: int | None = 0,
    crop_mode: _String | None = "warp",
    cache_images: bool | None = False,
    scale: float | None = 1.0,
    mean_file: _String | None = ...,
    crop_size: int | None = 0,
    mirror: bool | None = False,
    window_data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    data_param: _Message | None = ...,
    loader_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """N windows taken by chance: background first, then ``fg_fraction`` * N that show an object.

    Args:
        source: A text file that lists the images and their windows.
        root_folder: Put before each path as it is: end it with a slash.
        batch_size: Windows in a batch.
        fg_threshold: A window is of its class (foreground) if it overlaps its object this much.
            Default: 0.5.
        bg_threshold: A window is background if it overlaps less than this. Default: 0.5.
        fg_fraction: Share of the foreground in a batch. Default: 0.25.
        context_pad: Pixels of the surroundings around each window, after it is scaled to
            crop_size. Default: 0.
        crop_mode: "warp" stretches a window to a square, "square" cuts one around it. Default:
            "warp".
        cache_images: Keep the image files in memory. Default: false.
        scale: Deprecated for scale of transform_param; moved there when read. Default: 1.
        mean_file: Deprecated for mean_file of transform_param; moved there when read.
        crop_size: Deprecated for crop_size of transform_param; moved there when read. Default:
            0.
        mirror: Deprecated for mirror of transform_param; moved there when read. Default: false.
    """

def __getattr__(name: str) -> Callable[..., Any]: ...
