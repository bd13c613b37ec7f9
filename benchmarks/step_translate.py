"""A net of minicaffe as a list of layers that step_torch.py can make in PyTorch."""

from __future__ import annotations

from typing import Any

from minicaffe.backward import Step
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import EltwiseParameter, LRNParameter, PoolingParameter


def sources(net: Net) -> dict[str, str]:
    """The blob that each copy made by a split is a copy of."""
    found: dict[str, str] = {}
    for step in net.steps:
        if step.layer.type == "Split":
            name = step.bottom_names[0]
            found.update(dict.fromkeys(step.top_names, found.get(name, name)))
    return found


def describe(net: Net) -> list[dict[str, Any]]:
    """Name, type, blobs, parameters' multipliers and resolved fields of each layer.

    Splits and inputs go: in PyTorch a value can be used twice.
    """
    source, owners, layers = sources(net), dict[int, str](), []
    for step in net.steps:
        layer = step.layer
        for blob in layer.blobs:
            owner = owners.setdefault(id(blob), step.name)
            _refuse(step, owner != step.name, f"the parameters of {owner!r}")
        if step.bottom and layer.type not in ("Split", "Silence"):
            layers.append(
                {
                    "name": step.name,
                    "type": layer.type,
                    "bottom": [source.get(name, name) for name in step.bottom_names],
                    "top": step.top_names[0],
                    "loss": layer.loss_weights[0],
                    "mults": _multipliers(step),
                    "param": _param(step),
                }
            )
    return layers


def _multipliers(step: Step) -> list[tuple[float, float]]:
    """(lr_mult, decay_mult) of each parameter that PyTorch counts as one."""
    if step.layer.type == "BatchNorm":
        return []
    given = [(spec.lr_mult, spec.decay_mult) for spec in step.layer.param.param]
    return (given + [(1.0, 1.0)] * len(step.layer.blobs))[: len(step.layer.blobs)]


def _param(step: Step) -> dict[str, Any]:
    """The fields of the definition that matter, resolved against the shapes."""
    layer, shape = step.layer, step.bottom[0].shape
    match layer.type:
        case "Convolution":
            conv = layer.param.convolution_param
            window = layer.window
            _refuse(step, conv.axis not in (1, 1 - len(shape)), "axis")
            return {
                "in": shape[1],
                "out": conv.num_output,
                "group": conv.group,
                "bias": conv.bias_term,
                **window._asdict(),
            }
        case "InnerProduct":
            inner = layer.param.inner_product_param
            _refuse(step, inner.transpose, "transpose")
            return {
                "axis": inner.axis % len(shape),
                "in": layer.blobs[0].shape[1],
                "out": inner.num_output,
                "bias": inner.bias_term,
            }
        case "Pooling":
            return _pooling(step)
        case "ReLU":
            in_place = step.bottom[0] is step.top[0]
            return {"slope": layer.param.relu_param.negative_slope, "in_place": in_place}
        case "LRN":
            lrn = layer.param.lrn_param
            within = lrn.norm_region == LRNParameter.WITHIN_CHANNEL
            _refuse(step, within, "norm_region: WITHIN_CHANNEL")
            return {"size": lrn.local_size, "alpha": lrn.alpha, "beta": lrn.beta, "k": lrn.k}
        case "Dropout":
            return {"ratio": layer.param.dropout_param.dropout_ratio}
        case "Softmax":
            return {"axis": layer.param.softmax_param.axis}
        case "SoftmaxWithLoss":
            _refuse(step, layer.param.softmax_param.axis != 1, "axis")
            _refuse(step, layer.param.loss_param.HasField("ignore_label"), "ignore_label")
        case "Concat":
            return {"axis": layer.param.concat_param.axis}
        case "Eltwise":
            eltwise = layer.param.eltwise_param
            _refuse(step, any(factor != 1 for factor in eltwise.coeff), "coeff")
            return {"operation": EltwiseParameter.EltwiseOp.Name(eltwise.operation)}
        case "Flatten":
            return {"axis": layer.param.flatten_param.axis}
        case "BatchNorm":
            norm = layer.param.batch_norm_param
            momentum = 1 - norm.moving_average_fraction
            return {"channels": shape[1], "eps": norm.eps, "momentum": momentum}
        case "Scale":
            _refuse(step, layer.param.scale_param.axis != 1, "axis")
            return {"channels": shape[1], "bias": layer.param.scale_param.bias_term}
    return {}


def _pooling(step: Step) -> dict[str, Any]:
    pool = step.layer.param.pooling_param
    _refuse(step, pool.pool == PoolingParameter.STOCHASTIC, "pool: STOCHASTIC")
    _refuse(step, len(step.top) > 1, "a second top")
    fields = {}
    for name, square in (("kernel", "kernel_size"), ("stride", "stride"), ("pad", "pad")):
        both = (getattr(pool, f"{name}_h"), getattr(pool, f"{name}_w"))
        fields[name] = both if pool.HasField(f"{name}_h") else (getattr(pool, square),) * 2
    if pool.global_pooling:
        fields["kernel"] = step.bottom[0].shape[2:]
    ceil = pool.round_mode == PoolingParameter.CEIL
    return {**fields, "ceil": ceil, "max": pool.pool == PoolingParameter.MAX}


def _refuse(step: Step, found: bool, what: str) -> None:
    if found:
        raise SystemExit(f"layer {step.name!r} has {what}, which is not translated to PyTorch")
