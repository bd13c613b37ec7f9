"""A layer that a user could have written."""

from __future__ import annotations

from minicaffe.python_layer import Layer


class Doubling(Layer):
    def setup(self, bottom, top):
        return

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 2 * top[0].diff
