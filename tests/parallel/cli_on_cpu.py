"""``minicaffe train -gpu 0,1`` with processes on the CPU in place of the GPUs.

python -m tests.parallel.cli_on_cpu train solver.prototxt -gpu 0,1
"""

from __future__ import annotations

import sys

from minicaffe.cli import _device, _gpu_job
from minicaffe.cli.main import main
from minicaffe.device import cpu
from minicaffe.parallel.host import HostCommunicator


class OnCpu(_gpu_job.GpuJob):
    def device(self, rank, param):
        return cpu()

    def join(self, links, solver):
        return HostCommunicator(links)


if __name__ == "__main__":
    from tests.parallel import cli_on_cpu  # under the name that the other processes know

    _gpu_job.GpuJob = cli_on_cpu.OnCpu
    _device.count_gpus = lambda: (None, 2)
    sys.exit(main())
