"""What Numba does on the way to a parallel kernel, left out in a process that only compiles.

A loop over ``prange`` becomes a library, a second one calls it, a third calls the second in
parallel, and all three are linked into the kernel's. Numba optimizes each and turns each into
machine code, though of that only the kernel's goes into the cache, and takes longer over it than
over the kernel. The loop is still optimized by itself: most results stay the same bit for bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from contextlib import suppress

LOOP = "__numba_parfor_gufunc"
CALLS = ("<numba.np.ufunc.wrappers", "parallelgufuncwrapper")


def leave_out() -> None:
    """From now on; what is compiled in parallel cannot be run here, only kept.

    A Numba with other insides does all it does.
    """
    with suppress(ImportError, AttributeError):
        from numba.core.codegen import JITCodeLibrary
        from numba.core.cpu import CPUContext

        optimize = JITCodeLibrary._optimize_final_module
        finish = JITCodeLibrary._finalize_final_module
        executable = CPUContext.get_executable

        def optimize_others(library):
            if not library.name.startswith(CALLS):
                optimize(library)

        def finish_others(library):
            if library.name.startswith((LOOP, *CALLS)):
                library._finalized = True
            else:
                finish(library)

        def executable_of_others(context, library, fndesc, env):
            if library.name.startswith(LOOP):
                library._ensure_finalized()
                return None
            return executable(context, library, fndesc, env)

        JITCodeLibrary._optimize_final_module = optimize_others
        JITCodeLibrary._finalize_final_module = finish_others
        CPUContext.get_executable = executable_of_others
