"""Fork wire: the binary files of Caffe's forks, whose fields have numbers of their own.

Each fork gave its layers' parameters the next free number of LayerParameter, so that 148 is
clip_param to Caffe, smooth_l1_loss_param to one fork and st_param to another. Read by Caffe's
schema, such bytes would be taken for another message, or would make the whole file unreadable, for
the sake of a field that weights do not need. So before a file is parsed, the type of each layer,
a string, says what its numbers mean: a fork's become those of our schema, and what lies under a
number that belongs to layers of other types is left out, unless it is what belongs there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from minicaffe import glog
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter
from minicaffe.proto.wire import Field, outermost, tagged, varint

_FIELDS = LayerParameter.DESCRIPTOR.fields_by_name
_NUMBERS = LayerParameter.DESCRIPTOR.fields_by_number
_LAYER = NetParameter.DESCRIPTOR.fields_by_name["layer"].number
_NAME, _TYPE = (_FIELDS[name].number for name in ("name", "type"))

Numbers = Mapping[int, int]
Bytes = bytes | memoryview


class Ours(NamedTuple):
    """What a fork's field is here.

    Attributes:
        field: its name in LayerParameter.
        inner: numbers inside of it that differ, if any: the fork's to ours.
    """

    field: str
    inner: Numbers | None = None


# What SSD's fork has in transform_param, and numbers that are as free in Caffe 1.0.
_SSD_TRANSFORM = {8: 10101, 9: 10102, 10: 10103, 11: 10104, 12: 10105, 13: 10106, 14: 10107}
_SEGNET_BN = {1: 10001, 2: 10002, 3: 10003}  # what PSPNet's BN has under these is another thing
# MobileNet-YOLO's
_YOLO_DATA = {4: 10001, 5: 10002}
_REGION = {10: 11, 11: 10}
_YOLO3 = {5: 6, 6: 5, 10: 9, 11: 12, 12: 13, 13: 10, 14: 11}
_YOLO3_OUTPUT = {7: 8, 8: 7}

# The type of a layer, to what a fork's numbers are in it. Where several forks have the type, their
# numbers differ.
FORKS: dict[str, dict[int, Ours]] = {
    "AnnotatedData": {
        100: Ours("transform_param", _SSD_TRANSFORM),
        200: Ours("annotated_data_param", _YOLO_DATA),
    },
    "BN": {
        45: Ours("bn_param", _SEGNET_BN),
        137: Ours("bn_param"),  # yjxiong
        152: Ours("bn_param"),  # PSPNet
    },
    "Bias": {161: Ours("bias_param")},  # yjxiong, before Caffe had it
    "BoxAnnotatorOHEM": dict.fromkeys((150, 152, 10000), Ours("box_annotator_ohem_param")),
    "CenterLoss": {147: Ours("center_loss_param"), 211: Ours("center_loss_param")},
    "ContinuationIndicator": {201: Ours("continuation_indicator_param")},
    "CTCLoss": {200: Ours("ctc_loss_param")},
    "DenseImageData": {138: Ours("dense_image_data_param")},
    "DetectionEvaluate": {205: Ours("detection_evaluate_param")},
    "DetectionOutput": {204: Ours("detection_output_param")},
    "Interp": {143: Ours("interp_param")},
    "LSTM": {151: Ours("recurrent_param")},  # NVIDIA's
    "MultiBoxLoss": {201: Ours("multibox_loss_param")},
    "Normalize": {206: Ours("norm_param")},
    "PSROIPooling": dict.fromkeys((149, 153, 10001), Ours("psroi_pooling_param")),
    "Permute": dict.fromkeys((202, 224), Ours("permute_param")),
    "PriorBox": {203: Ours("prior_box_param")},
    "RNN": {151: Ours("recurrent_param")},
    "ROIPooling": dict.fromkeys((147, 150, 154, 204, 8266711), Ours("roi_pooling_param")),
    "ReLU6": {211: Ours("relu6_param")},
    "RegionLoss": dict.fromkeys((209, 600), Ours("region_loss_param", _REGION)),
    "Reorg": dict.fromkeys((149, 159), Ours("reorg_param")),
    "Scale": {160: Ours("scale_param")},
    "ShuffleChannel": {164: Ours("shuffle_channel_param")},
    "SmoothL1Loss": dict.fromkeys((148, 222, 8266712), Ours("smooth_l1_loss_param")),
    "SpatialDropout": {155: Ours("spatial_dropout_param")},
    "SpatialTransformer": {148: Ours("st_param")},
    "Upsample": dict.fromkeys((137, 150), Ours("upsample_param")),
    "YoloDetectionOutput": {601: Ours("yolo_detection_output_param")},
    "Yolov3": {603: Ours("yolov3_param", _YOLO3)},
    "Yolov3DetectionOutput": {602: Ours("yolov3_detection_output_param", _YOLO3_OUTPUT)},
}

# The youngest fields of Caffe 1.0, whose numbers forks use too: the types of layers that read them.
OWNERS: dict[int, frozenset[str]] = {
    137: frozenset({"Embed"}),
    138: frozenset({"Tile"}),
    139: frozenset({"BatchNorm"}),
    140: frozenset({"ELU"}),
    141: frozenset({"Bias"}),
    142: frozenset({"Scale"}),
    143: frozenset({"Input"}),
    144: frozenset({"Crop"}),
    145: frozenset({"Parameter"}),
    146: frozenset({"GRU", "LSTM", "MGU", "RNN"}),
    147: frozenset({"Swish"}),
    148: frozenset({"Clip"}),
}


def with_our_numbers(data: bytes) -> bytes:
    """``data``, a NetParameter, with the fields of forks' layers under our numbers.

    Without any such layer it is ``data`` itself, of which nothing is copied. Bytes that make no
    sense are left as they are, for the parser to refuse.
    """
    pieces: list[Bytes] = []
    view, done = memoryview(data), 0
    for field in outermost(data):
        if field.number == _LAYER and field.has_length:
            layer = _layer(view[field.start : field.end])
            if layer is not None:
                pieces += [view[done : field.at], tagged(_LAYER, layer)]
                done = field.end
    return b"".join([*pieces, view[done:]]) if pieces else data


def _layer(data: memoryview) -> bytes | None:
    """The layer with our numbers; None if it has them already."""
    fields = list(outermost(data))
    if not fields or fields[-1].end != len(data):
        return None
    name, kind = _text(data, fields, _NAME), _text(data, fields, _TYPE)
    forks = FORKS.get(kind, {})
    pieces: list[Bytes] = []
    changed = False
    for field in fields:
        if not field.has_length:  # a number is no message to any parser
            pieces.append(data[field.at : field.end])
        elif field.number in forks:
            pieces += _ours(data[field.start : field.end], forks[field.number], name, kind)
            changed = True
        elif _is_read_as_ours(field, kind, data):
            pieces.append(data[field.at : field.end])
        else:
            changed = True
    return b"".join(pieces) if changed else None


def _ours(data: memoryview, ours: Ours, name: str, kind: str) -> Iterator[bytes]:
    """A fork's field as ours; nothing, and a warning, where it is not what it should be."""
    field = _FIELDS[ours.field]
    value = _renumbered(data, ours.inner) if ours.inner else bytes(data)
    if _parsed(field, value) is None:
        glog.warning(
            "fork_wire.py:1",
            f"layer {name!r} ({kind}): {ours.field} is left out, its bytes are no such message: "
            "of a fork not known here? The weights do not depend on it",
        )
    else:
        yield tagged(field.number, value)


def _is_read_as_ours(field: Field, kind: str, data: memoryview) -> bool:
    """Whether the field may go to the parser under its number.

    Of a type that is no fork's known here it may if nothing speaks against it: nothing reads it.
    """
    if not kind or kind in OWNERS.get(field.number, {kind}):
        return True
    if kind in FORKS:
        return False
    message = _parsed(_NUMBERS[field.number], bytes(data[field.start : field.end]))
    return message is not None and message.IsInitialized() and not len(UnknownFieldSet(message))


def _parsed(field: Any, value: bytes) -> Message | None:
    """The message that ``field`` holds; None if ``value`` is none."""
    message: Message = GetMessageClass(field.message_type)()
    try:
        message.ParseFromString(value)
    except DecodeError:
        return None
    return message


def _renumbered(data: memoryview, numbers: Numbers) -> bytes:
    pieces: list[Bytes] = []
    for field in outermost(data):
        number = numbers.get(field.number, field.number)
        pieces += [varint(number << 3 | field.wire_type), data[field.body : field.end]]
    return b"".join(pieces)


def _text(data: memoryview, fields: list[Field], number: int) -> str:
    """The last value of a string field, as the parser takes it; "" without any."""
    found = [bytes(data[f.start : f.end]) for f in fields if f.number == number and f.has_length]
    return found[-1].decode(errors="replace") if found else ""
