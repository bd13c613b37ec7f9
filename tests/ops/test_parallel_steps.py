"""What Numba does on the way to a parallel kernel is left out, and the kernel is the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import numba
from numba.core.codegen import JITCodeLibrary
from minicaffe.ops import parallel_steps

optimized, optimize = [], JITCodeLibrary._optimize_final_module
made, finish = [], JITCodeLibrary._finalize_final_module

def note(library):
    optimized.append(library.name)
    optimize(library)

def note_code(library):
    made.append(library.name)
    finish(library)

JITCodeLibrary._optimize_final_module = note
JITCodeLibrary._finalize_final_module = note_code
if sys.argv[1] == "less":
    parallel_steps.leave_out()

@numba.njit(parallel=True)
def double(a):
    for i in numba.prange(a.size):
        a[i] *= 2

double.compile((numba.types.float32[::1],))
kernel = double.overloads[next(iter(double.overloads))].library
print(len([name for name in optimized if name.startswith(parallel_steps.CALLS)]))
print(len([name for name in made if name.startswith((parallel_steps.LOOP, *parallel_steps.CALLS))]))
print(*{name.rpartition(".")[2] for name in optimized if "double" in name})
print(len(list(kernel.get_defined_functions())) > 0)
"""


@pytest.mark.parametrize(("how", "calls", "codes"), [("all", 2, 3), ("less", 0, 0)])
def test_steps_on_the_way_are_left_out(how, calls, codes):
    run = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [str(calls), str(codes), "double", "True"]
