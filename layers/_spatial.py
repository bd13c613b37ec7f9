"""What convolution and pooling share: reading kernels, strides and pads from a definition."""

from __future__ import annotations

from google.protobuf.message import Message

from minicaffe.errors import LayerConfigError


def height_width(param: Message, name: str, square: str) -> tuple[int, int]:
    """A pair that is given once, as ``square``, or twice, as ``name_h`` and ``name_w``.

    Raises:
        LayerConfigError: given both ways, or half of the second way.
    """
    pair = [f"{name}_h", f"{name}_w"]
    given = [field for field in (square, *pair) if param.HasField(field)]
    if given == pair:
        return getattr(param, pair[0]), getattr(param, pair[1])
    if given in ([], [square]):
        return getattr(param, square), getattr(param, square)
    verb = "is given alone" if len(given) == 1 else "are given"
    raise LayerConfigError(
        f"{' and '.join(given)} {verb}, expected {square}, or both {pair[0]} and {pair[1]}, not a "
        "mixture"
    )


def axis_values(
    param: Message, name: str, axes: int, default: int | None, least: int, pair: str = ""
) -> tuple[int, ...]:
    """One value a spatial axis: the repeated field ``name``, or ``pair``_h and ``pair``_w.

    Args:
        param: the definition.
        name: a repeated field; given once it holds for every axis.
        axes: how many there are.
        default: for every axis where nothing is given; None if something must be.
        least: the smallest value allowed.
        pair: stem of the fields for exactly two axes, where there are such.

    Raises:
        LayerConfigError: given both ways, not at all, the wrong number of times, or too small.
    """
    values = list(getattr(param, name))
    fields = [f"{pair}_h", f"{pair}_w"] if pair else []
    given = [field for field in fields if param.HasField(field)]
    if given:
        if axes != 2:
            raise LayerConfigError(
                f"{given[0]} is given for {axes} spatial axes, expected {name}: "
                "the forms with _h and _w are for exactly 2"
            )
        if values:
            raise LayerConfigError(
                f"{name} and {given[0]} are given, expected one of the two forms, not a mixture"
            )
        missing = sorted({*fields} - {*given})
        if missing and least > 0:
            raise LayerConfigError(f"{given[0]} is given alone, expected {missing[0]} beside it")
        values = [getattr(param, field) for field in fields]
    elif not values:
        if default is None:
            ways = f" (or {fields[0]} and {fields[1]})" if fields else ""
            raise LayerConfigError(f"{name} is missing, expected it once or once an axis{ways}")
        values = [default]
    elif len(values) not in (1, axes):
        raise LayerConfigError(
            f"{name} is given {len(values)} times, expected once, or once for each of "
            f"{axes} spatial axes"
        )
    if min(values) < least:
        what = " and ".join(given or [name])
        raise LayerConfigError(f"{what} is {min(values)}, expected at least {least}")
    return tuple(values * axes if len(values) == 1 else values)
