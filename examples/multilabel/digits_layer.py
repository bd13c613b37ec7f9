"""A data layer in Python: several digits a picture, several labels a picture."""

import json
import queue
import threading

import caffe
import common
import numpy as np


class SeveralDigits(caffe.Layer):
    """Two MNIST digits side by side, and which of the ten digits are there.

    top[0]: (batch_size, 1, 28, 56), from 0 to 1; top[1]: (batch_size, 10) of 0 and 1.
    param_str is JSON: part ("train" or "t10k"), count (digits to draw from), batch_size, seed,
    and prefetch: how many batches a thread makes ahead, 0 for none.
    """

    def setup(self, bottom, top):
        """Read the digits; start the thread."""
        self.options = json.loads(self.param_str)
        self.images, self.labels = common.mnist(self.options["part"], self.options["count"])
        self.random = np.random.RandomState(self.options["seed"])
        self.next_batch = self.make_batch
        if self.options["prefetch"]:
            self.ahead = queue.Queue(self.options["prefetch"])
            self.next_batch = self.ahead.get
            threading.Thread(target=self.keep_ahead, daemon=True).start()

    def reshape(self, bottom, top):
        """Shapes never change here: a layer could take another one for each batch."""
        top[0].reshape(self.options["batch_size"], 1, 28, 56)
        top[1].reshape(self.options["batch_size"], 10)

    def forward(self, bottom, top):
        """Hand over the next batch."""
        top[0].data[...], top[1].data[...] = self.next_batch()

    def backward(self, top, propagate_down, bottom):
        """Nothing: nobody learns from the gradient of data."""

    def make_batch(self):
        """Draw the digits of a batch."""
        chosen = self.random.randint(0, len(self.labels), (self.options["batch_size"], 2))
        left, right = self.images[chosen.T]
        present = np.zeros((len(chosen), 10), np.float32)
        np.put_along_axis(present, self.labels[chosen], 1, axis=1)
        return np.concatenate([left, right], axis=3) / 256, present

    def keep_ahead(self):
        """Make batches for ever; waits where the queue is full."""
        while True:
            self.ahead.put(self.make_batch())
