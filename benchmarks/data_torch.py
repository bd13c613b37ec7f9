"""The PyTorch side of data.py: a Dataset and a DataLoader, as a careful user would write them.

Needs torch, numpy, cv2, lmdb and pillow, and nothing of minicaffe: it may run in an environment
of its own.
"""

from __future__ import annotations

import io
import random
import struct

import cv2
import lmdb
import numpy as np
import torch
from data_protocol import serve
from torch.utils.data import DataLoader, Dataset

cv2.setNumThreads(0)  # the workers are the threads
torch.set_num_threads(1)  # as in the workers; two wait for each other where a core is taken


class Images(Dataset):
    """Records of the database or the list, decoded, cropped, mirrored, less the mean."""

    def __init__(self, job):
        self.job, self.environment = job, None
        self.mean = np.array(job["mean"], np.float32).reshape(3, 1, 1)
        self.lines = []
        if job["kind"] == "files":
            with open(f"{job['folder']}/list.txt") as file:
                self.lines = [line.split() for line in file]

    def __len__(self):
        return self.job["count"]

    def __getitem__(self, index):
        """(image, label)."""
        data, label = self.record(index)
        crop, size = self.job["crop"], self.job["size"]
        top, left = random.randint(0, size - crop), random.randint(0, size - crop)
        if self.job["kind"] == "raw":
            pixels = np.frombuffer(data, np.uint8).reshape(3, size, size)
        elif self.job["decoder"] == "pillow":
            return self.with_pillow(data, top, left), label
        else:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            pixels = image.transpose(2, 0, 1)
        window = pixels[:, top : top + crop, left : left + crop]
        if random.random() < 0.5:
            window = window[:, :, ::-1]
        if self.job["kind"] != "raw":  # the fastest of seven ways that were tried, and of three
            window = np.ascontiguousarray(window)
        out = window.astype(np.float32, order="C")
        out -= self.mean
        return torch.from_numpy(out), label

    def record(self, index):
        """The bytes of an image, and its label."""
        if self.job["kind"] == "files":
            path, label = self.lines[index]
            with open(f"{self.job['folder']}/{path}", "rb") as file:
                return file.read(), int(label)
        if self.environment is None:  # one for each worker
            name = f"{self.job['folder']}/{self.job['kind']}.peer"
            self.environment = lmdb.open(name, readonly=True, lock=False, readahead=False)
            self.transaction = self.environment.begin(buffers=True)
        value = self.transaction.get(b"%08d" % index)
        return value[4:], struct.unpack_from("<i", value)[0]

    def with_pillow(self, data, top, left):
        """What torchvision's RandomCrop, RandomHorizontalFlip, ToTensor and Normalize do."""
        from PIL import Image

        crop = self.job["crop"]
        image = Image.open(io.BytesIO(data)).convert("RGB")
        image = image.crop((left, top, left + crop, top + crop))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return tensor.to(torch.float32).sub_(torch.from_numpy(self.mean[::-1].copy()))


def prepare(job):
    """The function that takes the next batch."""
    loader = DataLoader(
        Images(job),
        batch_size=job["batch"],
        num_workers=job["workers"],
        persistent_workers=job["workers"] > 0,
        drop_last=True,
    )

    def batches():
        while True:
            yield from loader

    return batches().__next__


if __name__ == "__main__":
    serve(prepare)
