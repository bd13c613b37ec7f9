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

def AnnotatedData(
    *inputs: Top,
    batch_sampler: _Message | Iterable[_Message] | None = ...,
    label_map_file: _String | None = ...,
    anno_type: int | Literal["BBOX"] | None = ...,
    yolo_data_type: int | None = 0,
    yolo_data_jitter: float | None = 0.3,
    annotated_data_param: _Message | None = ...,
    data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    loader_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N records of a database: images, transformed, and the boxes of their objects.

    Args:
        batch_sampler: Windows that are cut from the images, in TRAIN.
        label_map_file: A LabelMap; not read while training.
        anno_type: In place of what the records say.
        yolo_data_type: Of MobileNet-YOLO: 1 for labels as YOLO's losses have them, and a window
            by yolo_data_jitter. Default: 0.
        yolo_data_jitter: What a window lacks of a side, at most. Default: 0.3.
    """

def ApproximateBinaryClamping(
    *inputs: Top,
    width: float | None = 1.0,
    decay: float | None = 1.0,
    step_size: int | None = 1,
    min_width: float | None = 0.001,
    approximate_binary_clamping_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = min(max(x / r, 0), 1)`` in TRAIN; in TEST ``y = 1`` where x is above 0, else 0.

    Args:
        width: r at the first iteration. Default: 1.
        decay: Factor to r, every step_size iterations. Default: 1.
        step_size: Iterations. Default: 1.
        min_width: The last. Default: 0.001.
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

def Axpy(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``z[n, c] = a[n, c] x[n, c] + y[n, c]``."""

def BN(
    *inputs: Top,
    scale_filler: _Message | None = ...,
    shift_filler: _Message | None = ...,
    bn_mode: int | Literal["LEARN", "INFERENCE"] | None = ...,
    slope_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    momentum: float | None = 0.9,
    eps: float | None = 1e-05,
    frozen: bool | None = False,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    bn_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = factor (x - mean) / sqrt(variance + eps) + offset``, by channel.

    Args:
        scale_filler: SegNet: how the factor starts.
        shift_filler: SegNet: how the offset starts.
        bn_mode: SegNet. Default: LEARN.
        slope_filler: PSPNet: how the factor starts.
        bias_filler: PSPNet: how the offset starts.
        momentum: PSPNet: what is left of the stored with a batch. Default: 0.9.
        eps: Added to the variance. Default: 1e-05.
        frozen: PSPNet: use the stored in TRAIN too. Default: false.
        engine: Whose code computes it. Default: DEFAULT.
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
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
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
        engine: Of NVIDIA's fork: whose code computes it. Not read. Default: DEFAULT.
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

def BinaryActivation(
    *inputs: Top,
    method: int | Literal["TANH", "SIGN"] | None = ...,
    alpha: float | None = 1.0,
    growth: float | None = 1.0,
    step_size: int | None = 1,
    max_alpha: float | None = 1000.0,
    binary_activation_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = 1`` where x is at least 0, else -1; what TANH learns is ``tanh(alpha x)``.

    Args:
        method: How it is learned. Default: TANH.
        alpha: At the first iteration. Default: 1.
        growth: Factor to alpha, every step_size iterations. Default: 1.
        step_size: Iterations. Default: 1.
        max_alpha: The last. Default: 1000.
    """

def BoxAnnotatorOHEM(
    *inputs: Top,
    roi_per_img: int | None = ...,
    ignore_label: int | None = -1,
    box_annotator_ohem_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Labels and weights of the ``roi_per_img`` regions of each image that lose most.

    Args:
        roi_per_img: How many of an image count.
        ignore_label: The label that the others get. Default: -1.
    """

def CTCLoss(
    *inputs: Top,
    alphabet_size: int | None = ...,
    time_step: int | None = ...,
    blank_label: int | None = 0,
    blank_index: int | None = -1,
    output_delay: int | None = 0,
    preprocess_collapse_repeated: bool | None = False,
    ctc_merge_repeated: bool | None = True,
    loss_calculation_t: int | None = 0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    ctc_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(log(P[n])) / N``: P[n] is the chance that sequence n reads as its labels.

    Args:
        alphabet_size: Classes with the blank; not given: the bottom's channels.
        time_step: Not read: the bottom's.
        blank_label: The class of no label; negative from the end. Default: 0.
        blank_index: Of ChWick's fork, whose CTCLoss has marks of where sequences start as its
            second bottom. Default: -1.
        output_delay: Not supported. Default: 0.
        preprocess_collapse_repeated: Equal neighbours are one label. Default: false.
        ctc_merge_repeated: false is not supported. Default: true.
        loss_calculation_t: Not read: the loss is the same for each. Default: 0.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def CenterLoss(
    *inputs: Top,
    num_output: int | None = ...,
    center_filler: _Message | None = ...,
    axis: int | None = 1,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    center_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(|x - c[label]| ** 2) / (2 M)``, over M items.

    Args:
        num_output: Classes; has to be given.
        center_filler: How the centres start: 0 if not given.
        axis: The first axis of the features. Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def ChannelScale(
    *inputs: Top,
    do_forward: bool | None = True,
    do_backward_feature: bool | None = True,
    do_backward_scale: bool | None = True,
    global_scale: bool | None = False,
    max_global_scale: float | None = 1000.0,
    min_global_scale: float | None = 0.0,
    init_global_scale: float | None = 1.0,
    channel_scale_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[n, c, s] = a[n, s] x[n, c, s]``: vectors of channels made longer or shorter.

    Args:
        do_forward: Multiply; if not, the first bottom passes as it is. Default: true.
        do_backward_feature: Multiply the first bottom's gradient. Default: true.
        do_backward_scale: The second bottom gets a gradient, not 0. Default: true.
        global_scale: Not supported. Default: false.
        max_global_scale: Not read. Default: 1000.
        min_global_scale: Not read. Default: 0.
        init_global_scale: Not read. Default: 1.
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

def ContinuationIndicator(
    *inputs: Top,
    time_step: int | None = 0,
    batch_size: int | None = 0,
    axis: int | None = 0,
    continuation_indicator_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``cont[0, n] = 0``, and ``cont[t, n] = 1`` for each later step t: each sequence is a whole.

    Args:
        time_step: Steps. Default: 0.
        batch_size: Sequences. Default: 0.
        axis: Not read. Default: 0.
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

def ConvolutionDepthwise(
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
    """``y[c m + i] = bias[c m + i] + w[c m + i] * x[c]`` for the i-th of m filters of channel c.

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

def CtcLoss(
    *inputs: Top,
    alphabet_size: int | None = ...,
    time_step: int | None = ...,
    blank_label: int | None = 0,
    blank_index: int | None = -1,
    output_delay: int | None = 0,
    preprocess_collapse_repeated: bool | None = False,
    ctc_merge_repeated: bool | None = True,
    loss_calculation_t: int | None = 0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    ctc_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """As CTCLoss: ``-sum(log(P[n])) / N``, P[n] the chance that sequence n reads as its labels.

    Args:
        alphabet_size: Classes with the blank; not given: the bottom's channels.
        time_step: Not read: the bottom's.
        blank_label: The class of no label; negative from the end. Default: 0.
        blank_index: Of ChWick's fork, whose CTCLoss has marks of where sequences start as its
            second bottom. Default: -1.
        output_delay: Not supported. Default: 0.
        preprocess_collapse_repeated: Equal neighbours are one label. Default: false.
        ctc_merge_repeated: false is not supported. Default: true.
        loss_calculation_t: Not read: the loss is the same for each. Default: 0.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
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

def DenseImageData(
    *inputs: Top,
    source: _String | None = ...,
    scale: float | None = 1.0,
    mean_file: _String | None = ...,
    batch_size: int | None = ...,
    crop_size: int | None = 0,
    mirror: bool | None = False,
    rand_skip: int | None = 0,
    shuffle: bool | None = False,
    new_height: int | None = 0,
    new_width: int | None = 0,
    is_color: bool | None = True,
    root_folder: _String | None = "",
    label_divide_factor: int | None = 1,
    root_folder_image: _String | None = "",
    root_folder_label: _String | None = "",
    dense_image_data_param: _Message | None = ...,
    transform_param: _Message | None = ...,
    data_param: _Message | None = ...,
    loader_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The next N images of a list, ``(x - mean) * scale`` of a window of each, and their labels.

    Args:
        source: The list: an image and its labels, also an image, in each line.
        scale: Deprecated for transform_param. Default: 1.
        mean_file: Deprecated for transform_param.
        batch_size: Images in a batch.
        crop_size: Deprecated for transform_param. Default: 0.
        mirror: Deprecated for transform_param. Default: false.
        rand_skip: Leave out up to this many at the start, by chance. Default: 0.
        shuffle: In another order each time round. Default: false.
        new_height: Resize to this height; with new_width. Default: 0.
        new_width: Resize to this width. Default: 0.
        is_color: 3 channels; if not, 1. Default: true.
        root_folder: What comes before each name in the list. Default: "".
        label_divide_factor: Of ENet's fork: labels this many times less high and wide, for an
            encoder alone. Default: 1.
        root_folder_image: As root_folder, for images alone. Default: "".
        root_folder_label: As root_folder, for labels alone. Default: "".
    """

def DepthwiseConvolution(
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
    """``y[c m + i] = bias[c m + i] + w[c m + i] * x[c]`` for the i-th of m filters of channel c.

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

def DetectionEvaluate(
    *inputs: Top,
    num_classes: int | None = ...,
    background_label_id: int | None = 0,
    overlap_threshold: float | None = 0.5,
    evaluate_difficult_gt: bool | None = True,
    name_size_file: _String | None = ...,
    resize_param: _Message | None = ...,
    detection_evaluate_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """For each box that was found, whether it is right; how many there are to be found.

    Args:
        num_classes: With the background; has to be given.
        background_label_id: The class of what is nothing. Default: 0.
        overlap_threshold: What is right, over union. Default: 0.5.
        evaluate_difficult_gt: Count boxes marked as difficult. Default: true.
        name_size_file: For each image its name, height and width.
        resize_param: How the images were brought to the net's size.
    """

def DetectionOutput(
    *inputs: Top,
    num_classes: int | None = ...,
    share_location: bool | None = True,
    background_label_id: int | None = 0,
    nms_param: _Message | None = ...,
    save_output_param: _Message | None = ...,
    code_type: int | Literal["CORNER", "CENTER_SIZE", "CORNER_SIZE"] | None = ...,
    keep_top_k: int | None = -1,
    variance_encoded_in_target: bool | None = False,
    confidence_threshold: float | None = ...,
    visualize: bool | None = False,
    visualize_threshold: float | None = ...,
    save_file: _String | None = ...,
    detection_output_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The boxes of each image that are left by non-maximum suppression, class by class.

    Args:
        num_classes: With the background; has to be given.
        share_location: One location for all classes of a box. Default: true.
        background_label_id: The class that is not told; -1: none. Default: 0.
        nms_param: Which of boxes that overlap are left.
        save_output_param: Where they are written to.
        code_type: How locations are told. Default: CORNER.
        keep_top_k: How many of an image are left; -1: all. Default: -1.
        variance_encoded_in_target: Locations were learned with encode_variance_in_target.
            Default: false.
        confidence_threshold: Boxes with less are dropped; not given: none.
        visualize: Not read: `minicaffe detect` draws. Default: false.
        visualize_threshold: Not read.
        save_file: Not read.
    """

def DistillationLoss(
    *inputs: Top,
    temperature: float | None = 1.0,
    soft_weight: float | None = 1.0,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    distillation_loss_param: _Message | None = ...,
    softmax_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = soft_weight T^2 H(softmax(z / T), softmax(x / T)) + (1 - soft_weight) hard``.

    Args:
        temperature: Divides the scores of both. Default: 1.
        soft_weight: Factor to the loss against the teacher, which the temperature's square is a
            part of; that against labels has 1 less this, where there are labels. Default: 1.
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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
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

def FixedPoint(
    *inputs: Top,
    bits: int | None = 8,
    integer_bits: int | None = 2,
    fixed_point_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = step round(min(max(x / step, -m), m))``, step = 2 ** (integer_bits - bits) and m = 2 **
    bits - 1.

    Args:
        bits: Of a number. Default: 8.
        integer_bits: Of these, before the point. Default: 2.
    """

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

def FocalLoss(
    *inputs: Top,
    alpha: float | None = 1.0,
    gamma: float | None = 2.0,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    focal_loss_param: _Message | None = ...,
    softmax_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -alpha sum((1 - p) ** gamma log(p)) / divisor``, p = max(softmax(x)[label], 2 **
    -126).

    Args:
        alpha: Factor to all. Default: 1.
        gamma: How little; 0 is SoftmaxWithLoss. Default: 2.
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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def GRU(
    *inputs: Top,
    num_output: int | None = 0,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    debug_info: bool | None = False,
    expose_hidden: bool | None = False,
    recurrent_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """For each step t, of N sequences side by side, h' being ``cont_t h_(t-1)``::

    Args:
        num_output: Size of the hidden state, and of the output. Has to be more than 0. Default:
            0.
        weight_filler: How the weights start: 0 if not given.
        bias_filler: How the biases start: 0 if not given.
        debug_info: Log the mean size of every blob in each step of time. Default: false.
        expose_hidden: Take the first hidden state from further bottoms and put the last out to
            further tops. Default: false.
    """

def Gram(
    *inputs: Top,
    normalize: bool | None = True,
    gram_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[n, a, b] = sum(x[n, a] * x[n, b]) / (C P)``, over the P positions of each of C channels.

    Args:
        normalize: Divide by the number of values of an item. Default: true.
    """

def GroupNorm(
    *inputs: Top,
    group_num: int | None = 32,
    eps: float | None = 1e-05,
    group_norm_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x - mean) / sqrt(variance + eps)``, over C / G channels of an item at a time.

    Args:
        group_num: A divisor of the channels. Default: 32.
        eps: Added to the variance. Default: 1e-05.
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
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
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

def InstanceNorm(
    *inputs: Top,
    eps: float | None = 1e-05,
    instance_norm_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x - mean) / sqrt(variance + eps)``, over the positions of each channel of an item.

    Args:
        eps: Added to the variance. Default: 1e-05.
    """

def Interp(
    *inputs: Top,
    height: int | None = 0,
    width: int | None = 0,
    zoom_factor: int | None = 1,
    shrink_factor: int | None = 1,
    pad_beg: int | None = 0,
    pad_end: int | None = 0,
    interp_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Values at even distances from corner to corner of each plane, between the four nearest.

    Args:
        height: Of the top; with width. Default: 0.
        width: Of the top. Default: 0.
        zoom_factor: Or so many times the distances of pixels. Default: 1.
        shrink_factor: Or so many pixels as one, before. Default: 1.
        pad_beg: Rows and columns before the image: 0 or less, to cut. Default: 0.
        pad_end: And behind. Default: 0.
    """

def KLDivergenceLoss(
    *inputs: Top,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    softmax_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(t (log(t) - log(max(p, 2 ** -126)))) / divisor``, p = softmax(x).

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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def L1Loss(
    *inputs: Top,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(|x - t|) / N``, over all elements of N items.

    Args:
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def LCCL(
    *inputs: Top,
    num_output: int | None = ...,
    kernel_size: int | None = 1,
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
    lccl_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (w * x + bias) max(0, v * x + gate)``, where * is as in Convolution.

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
        kernel_size: Of the cheap one. Default: 1.
        weight_filler: How its weights start.
        bias_filler: How its bias starts: 0 if not given.
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

def LayerNorm(
    *inputs: Top,
    axis: int | None = 1,
    eps: float | None = 1e-05,
    layer_norm_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = (x - mean) / sqrt(variance + eps)``, over all that has one index before axis a.

    Args:
        axis: The first; negative from the end. Default: 1.
        eps: Added to the variance. Default: 1e-05.
    """

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

def MGU(
    *inputs: Top,
    num_output: int | None = 0,
    weight_filler: _Message | None = ...,
    bias_filler: _Message | None = ...,
    debug_info: bool | None = False,
    expose_hidden: bool | None = False,
    recurrent_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """GRU with one gate: for each step t, h' being ``cont_t h_(t-1)``::

    Args:
        num_output: Size of the hidden state, and of the output. Has to be more than 0. Default:
            0.
        weight_filler: How the weights start: 0 if not given.
        bias_filler: How the biases start: 0 if not given.
        debug_info: Log the mean size of every blob in each step of time. Default: false.
        expose_hidden: Take the first hidden state from further bottoms and put the last out to
            further tops. Default: false.
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

def Maxout(
    *inputs: Top,
    pieces: int | None = 2,
    axis: int | None = 1,
    maxout_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[:, c] = max over j < k of x[:, c k + j]``.

    Args:
        pieces: Channels that become one. Default: 2.
        axis: Of the channels; negative from the end. Default: 1.
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

def MultiBoxLoss(
    *inputs: Top,
    loc_loss_type: int | Literal["L2", "SMOOTH_L1"] | None = ...,
    conf_loss_type: int | Literal["SOFTMAX", "LOGISTIC"] | None = ...,
    loc_weight: float | None = 1.0,
    num_classes: int | None = ...,
    share_location: bool | None = True,
    match_type: int | Literal["BIPARTITE", "PER_PREDICTION"] | None = ...,
    overlap_threshold: float | None = 0.5,
    use_prior_for_matching: bool | None = True,
    background_label_id: int | None = 0,
    use_difficult_gt: bool | None = True,
    do_neg_mining: bool | None = ...,
    neg_pos_ratio: float | None = 3.0,
    neg_overlap: float | None = 0.5,
    code_type: int | Literal["CORNER", "CENTER_SIZE", "CORNER_SIZE"] | None = ...,
    encode_variance_in_target: bool | None = False,
    map_object_to_agnostic: bool | None = False,
    ignore_cross_boundary_bbox: bool | None = False,
    bp_inside: bool | None = False,
    mining_type: int | Literal["NONE", "MAX_NEGATIVE", "HARD_EXAMPLE"] | None = ...,
    nms_param: _Message | None = ...,
    sample_size: int | None = 64,
    use_prior_for_nms: bool | None = False,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    multibox_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = (sum of class losses + loc_weight * sum of location losses) / divisor``.

    Args:
        loc_loss_type: The loss of locations. Default: SMOOTH_L1.
        conf_loss_type: The loss of classes. Default: SOFTMAX.
        loc_weight: Factor to the loss of locations. Default: 1.
        num_classes: With the background; has to be given.
        share_location: One location for all classes of a box. Default: true.
        match_type: Which boxes are matched. Default: PER_PREDICTION.
        overlap_threshold: What is enough for PER_PREDICTION. Default: 0.5.
        use_prior_for_matching: Match default boxes, not predicted. Default: true.
        background_label_id: The class of what is nothing. Default: 0.
        use_difficult_gt: Count boxes marked as difficult. Default: true.
        do_neg_mining: Deprecated for mining_type: true is MAX_NEGATIVE.
        neg_pos_ratio: Background boxes for each matched one. Default: 3.
        neg_overlap: Boxes that overlap more are no background. Default: 0.5.
        code_type: How locations are told. Default: CORNER.
        encode_variance_in_target: Locations are predicted without the variance of their default
            box. Default: false.
        map_object_to_agnostic: All classes of the image but the background are one. Default:
            false.
        ignore_cross_boundary_bbox: Boxes that reach over the image's border do not count.
            Default: false.
        bp_inside: Locations learn inside of the image alone. Default: false.
        mining_type: Which are background. Default: MAX_NEGATIVE.
        nms_param: For HARD_EXAMPLE.
        sample_size: For HARD_EXAMPLE. Default: 64.
        use_prior_for_nms: Compare default boxes, not predicted. Default: false.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def MultinomialLogisticLoss(
    *inputs: Top,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = -sum(log(max(p[label], 1e-20))) / N``, over N items."""

def Normalize(
    *inputs: Top,
    across_spatial: bool | None = True,
    scale_filler: _Message | None = ...,
    channel_shared: bool | None = True,
    eps: float | None = 1e-10,
    norm_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = s x / sqrt(sum(x^2) + eps)``, the sum over the channels of each position.

    Args:
        across_spatial: One length for an item, or each position. Default: true.
        scale_filler: How the factor starts: 1 if not given.
        channel_shared: One factor, or one for each channel. Default: true.
        eps: Added to the sum of squares. Default: 1e-10.
    """

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

def PSROIPooling(
    *inputs: Top,
    spatial_scale: float | None = 1.0,
    output_dim: int | None = ...,
    group_size: int | None = ...,
    psroi_pooling_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[r, d, i, j]`` is the mean of channel ``(d G + i) G + j`` in bin (i, j) of region r.

    Args:
        spatial_scale: What brings coordinates of the image to those of the bottom. Default: 1.
        output_dim: Channels of the top.
        group_size: Rows and columns of bins.
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

def Permute(
    *inputs: Top,
    order: int | Iterable[int] | None = ...,
    permute_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The same values with the axes in another order: ``y = transpose(x, order)``.

    Args:
        order: Axis i of the top is axis order[i]; those not named follow.
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
    ceil_mode: bool | None = True,
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
        ceil_mode: Of some forks: false is round_mode FLOOR. Default: true.
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

def PriorBox(
    *inputs: Top,
    min_size: float | Iterable[float] | None = ...,
    max_size: float | Iterable[float] | None = ...,
    aspect_ratio: float | Iterable[float] | None = ...,
    flip: bool | None = True,
    clip: bool | None = False,
    variance: float | Iterable[float] | None = ...,
    img_size: int | None = ...,
    img_h: int | None = ...,
    img_w: int | None = ...,
    step: float | None = ...,
    step_h: float | None = ...,
    step_w: float | None = ...,
    offset: float | None = 0.5,
    density: int | Iterable[int] | None = ...,
    prior_box_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """Boxes of several shapes around each position, as shares of the image, and their variances.

    Args:
        min_size: Sides, in pixels of the image; at least one.
        max_size: As many, or none: a square of side sqrt(min_size * max_size) each.
        aspect_ratio: Widths over heights, besides 1.
        flip: And their inverses. Default: true.
        clip: Cut off what is outside of the image. Default: false.
        variance: One or four numbers that offsets are scaled by: 0.1 if not given.
        img_size: Sides of the image; not given: those of the second bottom.
        img_h: Height of the image; with img_w, in place of img_size.
        img_w: Width of the image.
        step: Pixels from position to position; not given: what fits the image.
        step_h: The same downwards; with step_w, in place of step.
        step_w: The same to the right.
        offset: Where in a step the centre is. Default: 0.5.
        density: FaceBoxes: for each min_size, so many squares a side in each step, a pixel
            smaller. Not given: 1.
    """

def Proposal(
    *inputs: Top,
    feat_stride: int | None = 16,
    base_size: int | None = 16,
    min_size: int | None = 16,
    ratio: float | Iterable[float] | None = ...,
    scale: float | Iterable[float] | None = ...,
    pre_nms_topn: int | None = 6000,
    post_nms_topn: int | None = 300,
    nms_thresh: float | None = 0.7,
    proposal_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The best of the anchors of each image, moved by their offsets, that overlap no better one.

    Args:
        feat_stride: Pixels from one anchor to the next. Default: 16.
        base_size: Side of the anchor that the others come from. Default: 16.
        min_size: Pixels; smaller regions are dropped. Default: 16.
        ratio: Heights over widths of the anchors: 0.5, 1, 2 if not given.
        scale: Their sides over base_size: 8, 16, 32 if not given.
        pre_nms_topn: Regions that are compared. Default: 6000.
        post_nms_topn: Regions that are left. Default: 300.
        nms_thresh: Of two that overlap by more, one is dropped. Default: 0.7.
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

def ROIPooling(
    *inputs: Top,
    pooled_h: int | None = 0,
    pooled_w: int | None = 0,
    spatial_scale: float | None = 1.0,
    roi_pooling_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The largest element of each of ``pooled_h`` by ``pooled_w`` bins of each region.

    Args:
        pooled_h: Rows of bins, at least 1. Default: 0.
        pooled_w: Columns of bins, at least 1. Default: 0.
        spatial_scale: What brings coordinates of the image to those of the bottom: 0.0625
            behind four halvings. Default: 1.
    """

def ReLU(
    *inputs: Top,
    negative_slope: float | None = 0.0,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    relu6_param: _Message | None = ...,
    relu_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = max(x, 0) + negative_slope * min(x, 0)``.

    Args:
        negative_slope: 0 for an ordinary ReLU, small for a leaky one. Default: 0.
        engine: Whose code computes it. Default: DEFAULT.
    """

def ReLU6(
    *inputs: Top,
    relu6_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = min(max(x, 0), 6)``; no gradient passes at 0 and at 6, nor through a NaN, which stays."""

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

def RegionLoss(
    *inputs: Top,
    side: int | None = 13,
    num_class: int | None = 20,
    bias_match: int | None = 1,
    coords: int | None = 4,
    num: int | None = 5,
    softmax: int | None = 1,
    jitter: float | None = 0.2,
    rescore: int | None = 1,
    object_scale: float | None = 1.0,
    noobject_scale: float | None = 0.5,
    class_scale: float | None = 1.0,
    coord_scale: float | None = 5.0,
    absolute: int | None = 1,
    thresh: float | None = 0.2,
    random: int | None = 1,
    biases: float | Iterable[float] | None = ...,
    softmax_tree: _String | None = ...,
    class_map: _String | None = ...,
    region_loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The mean over the images of the loss of all boxes.

    Args:
        side: Not read: the bottom's. Default: 13.
        num_class: Classes. Default: 20.
        bias_match: Compare sizes with the anchors, not predicted. Default: 1.
        coords: Numbers of a location: 4. Default: 4.
        num: Anchors. Default: 5.
        softmax: Classes exclude each other. Default: 1.
        jitter: Not read. Default: 0.2.
        rescore: Learn the overlap, not 1, as an object's score. Default: 1.
        object_scale: Factor to the loss of scores of objects. Default: 1.
        noobject_scale: Factor to the loss of scores of nothing. Default: 0.5.
        class_scale: Factor to the loss of classes. Default: 1.
        coord_scale: Factor to the loss of locations. Default: 5.
        absolute: Not read. Default: 1.
        thresh: What overlaps more is not nothing. Default: 0.2.
        random: Not read. Default: 1.
        biases: Widths and heights of the anchors, in cells.
        softmax_tree: Not supported.
        class_map: Not supported.
    """

def Reorg(
    *inputs: Top,
    stride: int | None = ...,
    reverse: bool | None = False,
    reorg_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The same values in another shape: s = ``stride`` times less high and wide, or more.

    Args:
        stride: Side of the squares; has to be given.
        reverse: Channels as squares. Default: false.
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

def ShuffleChannel(
    *inputs: Top,
    group: int | None = 1,
    shuffle_channel_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[:, i G + g] = x[:, g C / G + i]``: the i-th channel of each group, then the next of each.

    Args:
        group: A divisor of the channels. Default: 1.
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
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
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

def SmoothL1Loss(
    *inputs: Top,
    sigma: float | None = 1.0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    smooth_l1_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(o f(i (x - t))) / N`` over all elements of N items.

    Args:
        sigma: The loss is quadratic up to 1 / sigma^2. Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def SmoothL1LossOHEM(
    *inputs: Top,
    loss_param: _Message | None = ...,
    smooth_l1_loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(f(i (x - t))) / divisor``, f as in SmoothL1Loss, and the sum of each item."""

def Softmax(
    *inputs: Top,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    softmax_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = exp(x / temperature) / sum(exp(x / temperature))``, the sum along one axis.

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
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
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
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def SoftmaxWithLossOHEM(
    *inputs: Top,
    softmax_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """SoftmaxWithLoss, and ``-log(max(softmax(x)[label], 2 ** -126))`` of each position."""

def SpatialDropout(
    *inputs: Top,
    dropout_ratio: float | None = 0.5,
    scale_train: bool | None = True,
    sample_weights_test: bool | None = False,
    dropout_param: _Message | None = ...,
    spatial_dropout_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y[n, c] = x[n, c] * m[n, c] / (1 - dropout_ratio)`` in TRAIN, ``y = x`` in TEST.

    Args:
        dropout_ratio: The share that is set to 0. Default: 0.5.
        scale_train: Of forks: false leaves the rest as it is in TRAIN, and makes all smaller in
            TEST. Default: true.
        sample_weights_test: Of SegNet's: drop in TEST too. Default: false.
    """

def SpatialTransformer(
    *inputs: Top,
    transform_type: _String | None = "affine",
    sampler_type: _String | None = "bilinear",
    output_H: int | None = ...,
    output_W: int | None = ...,
    to_compute_dU: bool | None = True,
    theta_1_1: float | None = ...,
    theta_1_2: float | None = ...,
    theta_1_3: float | None = ...,
    theta_2_1: float | None = ...,
    theta_2_2: float | None = ...,
    theta_2_3: float | None = ...,
    st_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``V[i, j] = U[r, s]``, bilinear between pixels, 0 around U, for each channel of an item, with

    Args:
        transform_type: The only one. Default: "affine".
        sampler_type: The only one. Default: "bilinear".
        output_H: Height of the top; not given: the bottom's.
        output_W: Width of the top; not given: the bottom's.
        to_compute_dU: Send gradients to the first bottom. Default: true.
        theta_1_1: Elements of the matrix that are fixed, not in the second bottom.
        theta_1_2: See theta_1_1.
        theta_1_3: See theta_1_1.
        theta_2_1: See theta_1_1.
        theta_2_2: See theta_1_1.
        theta_2_3: See theta_1_1.
    """

def Split(
    *inputs: Top,
    **common: Unpack[_Layer],
) -> Tops:
    """``y_i = x``; the gradient for x is the sum of those for the y_i."""

def StochasticDepth(
    *inputs: Top,
    survival: float | None = 0.5,
    stochastic_depth_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``y = x`` with probability p, else ``y = 0``, in TRAIN; ``y = p x`` in TEST.

    Args:
        survival: How often it is there in TRAIN, and its factor in TEST. Default: 0.5.
    """

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

def TemperatureSoftmax(
    *inputs: Top,
    axis: int | None = 1,
    engine: int | Literal["DEFAULT", "CAFFE", "CUDNN"] | None = ...,
    temperature: float | None = 1.0,
    softmax_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """As Softmax: ``y = exp(x / temperature) / sum(exp(x / temperature))``.

    Args:
        axis: Over which the sum is 1; negative from the end. Default: 1.
        engine: Whose code computes it. Default: DEFAULT.
        temperature: Not in Caffe: what the scores are divided by first; larger is softer.
            Default: 1.
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

def TotalVariationLoss(
    *inputs: Top,
    beta: float | None = 2.0,
    total_variation_loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum((a ** 2 + d ** 2) ** (beta / 2)) / N``, over all pixels of all channels.

    Args:
        beta: Power of the length of each gradient. Default: 2.
    """

def TripletLoss(
    *inputs: Top,
    margin: float | None = 1.0,
    ignore_label: int | None = ...,
    normalization: int | Literal["FULL", "VALID", "BATCH_SIZE", "NONE", "PRE_FIXED"] | None = ...,
    normalize: bool | None = ...,
    weight_by_label_freqs: bool | None = False,
    class_weighting: float | Iterable[float] | None = ...,
    pre_fixed_normalizer: float | None = 1.0,
    label_smoothing: float | None = 0.0,
    triplet_loss_param: _Message | None = ...,
    loss_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """``loss = sum(max(|a - p| ** 2 - |a - n| ** 2 + margin, 0)) / N``, over N triplets.

    Args:
        margin: In squared distances. Default: 1.
        ignore_label: A label that counts as if it were not there; not given: all count.
        normalization: What the sum over all labels is divided by. For SigmoidCrossEntropyLoss
            the default is BATCH_SIZE. Default: VALID.
        normalize: Deprecated for normalization: true is VALID, false is BATCH_SIZE. Read where
            normalization is not given.
        weight_by_label_freqs: Of SegNet's fork, for SoftmaxWithLoss. Default: false.
        class_weighting: A factor for each class.
        pre_fixed_normalizer: For PRE_FIXED; at least 1 counts. Default: 1.
        label_smoothing: Not in Caffe: the share of each label that is spread over all classes.
            For SoftmaxWithLoss. Default: 0.
    """

def Upsample(
    *inputs: Top,
    scale: int | None = ...,
    scale_h: int | None = ...,
    scale_w: int | None = ...,
    pad_out_h: bool | None = False,
    pad_out_w: bool | None = False,
    upsample_h: int | None = ...,
    upsample_w: int | None = ...,
    upsample_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """With a mask, each value goes where the mask says, and the rest is 0; alone, it is repeated.

    Args:
        scale: How many times larger; 2 with a mask, 1 without one if not given.
        scale_h: Downwards; with scale_w, in place of scale.
        scale_w: To the right.
        pad_out_h: A row less: the pooling's input had odd height. Default: false.
        pad_out_w: A column less, likewise. Default: false.
        upsample_h: Height of the top; in place of scale.
        upsample_w: Width of the top; in place of scale.
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

def YoloDetectionOutput(
    *inputs: Top,
    side: int | None = 13,
    num_classes: int | None = 20,
    num_box: int | None = 5,
    coords: int | None = 4,
    confidence_threshold: float | None = 0.01,
    nms_threshold: float | None = 0.45,
    biases: float | Iterable[float] | None = ...,
    label_map_file: _String | None = ...,
    yolo_detection_output_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The boxes of each image that are left by non-maximum suppression, class by class.

    Args:
        side: Not read: the bottom's. Default: 13.
        num_classes: Classes, without a background. Default: 20.
        num_box: Anchors. Default: 5.
        coords: Numbers of a location: 4. Default: 4.
        confidence_threshold: Boxes with less are dropped. Default: 0.01.
        nms_threshold: Of two that overlap more, one is dropped. Default: 0.45.
        biases: Widths and heights of the anchors, in cells.
        label_map_file: Not read.
    """

def Yolov3(
    *inputs: Top,
    side: int | None = 13,
    num_class: int | None = 20,
    num: int | None = 5,
    object_scale: float | None = 1.0,
    noobject_scale: float | None = 0.5,
    class_scale: float | None = 1.0,
    coord_scale: float | None = 5.0,
    thresh: float | None = 0.2,
    anchors_scale: int | None = 32,
    use_logic_gradient: bool | None = False,
    use_focal_loss: bool | None = False,
    biases: float | Iterable[float] | None = ...,
    mask: int | Iterable[int] | None = ...,
    yolov3_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """The mean over the images of the loss of all boxes at one scale.

    Args:
        side: Not read: the bottom's. Default: 13.
        num_class: Classes. Default: 20.
        num: Anchors of this scale. Default: 5.
        object_scale: The same, with use_logic_gradient alone. Default: 1.
        noobject_scale: Not read. Default: 0.5.
        class_scale: Factor to the loss of classes. Default: 1.
        coord_scale: Factor to the loss of locations. Default: 5.
        thresh: What overlaps more is not nothing. Default: 0.2.
        anchors_scale: Pixels of a cell. Default: 32.
        use_logic_gradient: Learn squares, not cross entropy. Default: false.
        use_focal_loss: Not supported. Default: false.
        biases: Widths and heights of all anchors, in pixels.
        mask: Which of the anchors are those of this scale.
    """

def Yolov3DetectionOutput(
    *inputs: Top,
    num_classes: int | None = 20,
    num_box: int | None = 3,
    confidence_threshold: float | None = 0.01,
    nms_threshold: float | None = 0.45,
    biases: float | Iterable[float] | None = ...,
    anchors_scale: int | Iterable[int] | None = ...,
    mask: int | Iterable[int] | None = ...,
    mask_group_num: int | None = 2,
    label_map_file: _String | None = ...,
    yolov3_detection_output_param: _Message | None = ...,
    **common: Unpack[_Layer],
) -> Tops:
    """As YoloDetectionOutput, of several scales together, and with a sigmoid for each class.

    Args:
        num_classes: Classes, without a background. Default: 20.
        num_box: Anchors of a scale. Default: 3.
        confidence_threshold: Boxes with less are dropped. Default: 0.01.
        nms_threshold: Of two that overlap more, one is dropped. Default: 0.45.
        biases: Widths and heights of all anchors, in pixels.
        anchors_scale: Pixels of a cell, for each bottom.
        mask: Which of the anchors are those of each bottom, one after the other.
        mask_group_num: Bottoms. Default: 2.
        label_map_file: Not read.
    """

def __getattr__(name: str) -> Callable[..., Any]: ...
