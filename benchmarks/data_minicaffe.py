"""The minicaffe side of data.py: a layer as a definition names it."""

from __future__ import annotations

from data_protocol import serve
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import cpu
from minicaffe.layers import create_layer
from minicaffe.proto.minicaffe_pb2 import TRAIN, LayerParameter

SOURCES = {
    "raw": 'type: "Data" data_param { source: "%s/raw.lmdb" backend: LMDB batch_size: %d }',
    "jpeg": 'type: "Data" data_param { source: "%s/jpeg.lmdb" backend: LMDB batch_size: %d }',
    "files": 'type: "ImageData" image_data_param { source: "%s/list.txt" batch_size: %d }',
}


def prepare(job):
    """The function that takes the next batch."""
    text = SOURCES[job["kind"]] % (job["folder"], job["batch"])
    param = text_format.Parse(text, LayerParameter(name="data", phase=TRAIN))
    if job["kind"] == "files":
        param.image_data_param.root_folder = f"{job['folder']}/"
    param.transform_param.crop_size, param.transform_param.mirror = job["crop"], True
    param.transform_param.mean_value.extend(job["mean"])
    param.loader_param.threads = job["threads"]
    device = cpu(1701)
    layer, top = create_layer(param, device), [Blob(device), Blob(device)]
    layer.initialize([], top)

    def take():
        layer.run_forward([], top)
        return top[0].data, top[1].data

    return take


if __name__ == "__main__":
    serve(prepare)
