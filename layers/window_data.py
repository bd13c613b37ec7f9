"""WindowData: batches of windows cut from images, for R-CNN detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.data.augment import refuse
from minicaffe.data.batch import Batch
from minicaffe.data.image import HostArray, Layout
from minicaffe.data.transformer import read_mean
from minicaffe.data.window_file import CHANNELS, WindowFile, Windows
from minicaffe.data.windows import WindowFiller
from minicaffe.errors import DataError, LayerConfigError, did_you_mean
from minicaffe.layers._data import DataLayer, check_moved, check_source
from minicaffe.layers.registry import register_layer

MODES = ("warp", "square")


@register_layer("WindowData")
class WindowData(DataLayer[Batch]):
    """N windows taken by chance: background first, then ``fg_fraction`` * N that show an object.

    Each is scaled to a square of ``crop_size`` that has ``context_pad`` pixels of surroundings
    on each side; ``(x - mean) * scale`` of it is put out, and 0 for what lies outside of the
    image. Deprecated by Caffe itself. See ``data.window_file.WindowFile`` for the source, and
    ``data.windows.place`` for the geometry. Threads read ahead, from the first forward on.

    Shapes:
        top[0]  data   (N, 3, crop_size, crop_size), blue, green, red
        top[1]  label  (N,): 0 for background
    Definition: ``window_data_param`` (source, root_folder, batch_size, fg_threshold,
    bg_threshold, fg_fraction, context_pad, crop_mode, cache_images, scale);
    ``transform_param`` (crop_size, mirror, mean_file, mean_value); ``data_param.prefetch``,
    ``loader_param.threads``. As
    in Caffe ``scale`` is read where the others were of old: that of transform_param, where
    reading a file moves it, does nothing but for a warning.
    After: src/caffe/layers/window_data_layer.cpp (Girshick, Donahue, Darrell, Malik: Rich
    feature hierarchies for accurate object detection and semantic segmentation, 2014), but for:
    each batch has random numbers of its own, so that a run can be resumed at any; images are
    counted as they come, whatever number the file gives them; another ``crop_mode``, which is
    warp there, is refused; and so is a window without a pixel in its image, or a lack of
    windows of a kind.
    """

    def prepare(self, top: Sequence[Blob]) -> None:
        check_source(self.param, "window_data_param", "a list of windows")
        check_moved(self.param, "window_data_param", ("mean_file", "crop_size", "mirror"))
        self._check()
        if self.param.transform_param.HasField("scale"):
            glog.warning(
                "window_data_layer.cpp:1",
                "scale of transform_param does nothing, as in Caffe 1.0: "
                "put a Power layer with scale after this one",
            )
        param, crop = self.param.window_data_param, self.param.transform_param.crop_size
        self._mean = self._read_mean()
        self._foreground = int(np.float32(param.batch_size) * np.float32(param.fg_fraction))
        self._windows = WindowFile(
            param.source, param.root_folder, param.fg_threshold, param.bg_threshold
        )
        glog.info("window_data_layer.cpp:168", f"Number of images: {len(self._windows.images)}")
        self._try("foreground", self._foreground, self._windows.foreground)
        self._try("background", param.batch_size - self._foreground, self._windows.background)
        top[0].reshape((param.batch_size, CHANNELS, crop, crop))
        top[1].reshape((param.batch_size,))
        glog.info(
            "window_data_layer.cpp:191", f"output data size: {','.join(map(str, top[0].shape))}"
        )

    def declared_image(self) -> tuple[int, ...]:
        crop = self.param.transform_param.crop_size
        return self.param.window_data_param.batch_size, CHANNELS, crop, crop

    def make_filler(self) -> WindowFiller:
        param, transform = self.param.window_data_param, self.param.transform_param
        return WindowFiller(
            self._windows,
            transform.crop_size,
            self._foreground,
            context_pad=param.context_pad,
            square=param.crop_mode == "square",
            mirror=transform.mirror,
            mean=self._mean,
            scale=param.scale,
            cache=param.cache_images,
            seed=self.seed,
            rank=self.rank,
            ranks=self.ranks,
        )

    def make_buffer(self) -> Batch:
        return Batch(self.param.window_data_param.batch_size, self.dtype)

    def _check(self) -> None:
        """Refuse a definition that is wrong whatever the windows are."""
        param, transform = self.param.window_data_param, self.param.transform_param
        crop = transform.crop_size
        if crop == 0:
            raise LayerConfigError(
                "crop_size of transform_param is 0 or not given, expected at least 1: windows "
                "are scaled to it"
            )
        if 2 * param.context_pad >= crop:
            raise LayerConfigError(
                f"context_pad is {param.context_pad}, expected less than half of crop_size, {crop}"
            )
        if param.crop_mode not in MODES:
            raise LayerConfigError(
                f"crop_mode is {param.crop_mode!r}, expected one of {', '.join(MODES)}: "
                f"{did_you_mean(param.crop_mode, MODES)}"
            )
        if not 0 <= param.fg_fraction <= 1:
            raise LayerConfigError(f"fg_fraction is {param.fg_fraction:g}, expected 0 to 1")
        refuse(transform, "WindowData warps its windows itself, and augments nothing")

    def _read_mean(self) -> HostArray:
        """The mean of the output's pixels: the middle of the mean image, or a value a channel."""
        param = self.param.transform_param
        if param.HasField("mean_file") and param.mean_value:
            raise LayerConfigError("mean_file and mean_value are both given, expected one")
        if not param.HasField("mean_file"):
            values = list(param.mean_value) or [0.0]
            if len(values) not in (1, CHANNELS):
                raise LayerConfigError(
                    f"mean_value is given {len(values)} times, expected once, or once for each "
                    f"of {CHANNELS} channels"
                )
            values *= CHANNELS // len(values)
            return np.array(values, self.dtype).reshape(CHANNELS, 1, 1)
        mean, crop = read_mean(param.mean_file), param.crop_size
        first = (mean.shape[2] - crop) // 2  # of rows too: the original has squares in mind
        window = mean[:, max(first, 0) :, max(first, 0) :][:, :crop, :crop]
        if window.shape != (CHANNELS, crop, crop):
            raise LayerConfigError(
                f"mean_file {param.mean_file} is {Layout(*mean.shape)}, expected {CHANNELS} "
                f"channels of at least crop_size, {crop}"
            )
        return window.astype(self.dtype)

    def _try(self, kind: str, wanted: int, windows: Windows) -> None:
        """Warp one window of a kind: a folder that is wrong shows when the net is built."""
        if not wanted:
            return
        if not len(windows):
            raise DataError(
                f"there is no {kind} window, expected at least one: a batch has {wanted}",
                self._windows.name,
            )
        crop = self.param.transform_param.crop_size
        y = np.empty((CHANNELS, crop, crop), self.dtype)
        self.make_filler().warp(windows[0], y, mirrored=False)
