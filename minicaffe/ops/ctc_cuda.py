"""Connectionist temporal classification on the GPU: a block a sequence, its threads the states.

Three launches, however many steps there are: the logarithm of each step's sum of exponentials; what
leads to each state and from it to the end, step by step, in float64; the gradient of each step, in
which the states of one class are added up in their order by one thread.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel
from minicaffe.ops.positions_cuda import POSITIONS, plan

_SOURCE = (
    POSITIONS
    + r"""
__device__ double log_add(double a, double b) {
    const double most = max(a, b);
    return a == b ? a + log(2.0) : most + log1p(exp(min(a, b) - most));
}

// The steps of a sequence, none of them past the last.
__device__ int steps_of(const T *length, int n, int steps) {
    return length ? (int)min(max(trunc(length[n]), (T)0), (T)steps) : steps;
}

// Blocks share out the rows of scores.
extern "C" __global__ void ctc_logs(
    I rows, I classes, I inner, int lanes, const T *x, double *log_sum
) {
    const Place place(blockIdx.x, rows, classes, inner, lanes);
    double most = place.is_there ? (double)x[place.at(0)] : 0.0, sum = 0;
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        most = max(most, (double)x[place.at(c)]);
    most = lanes_max(most, place);
    for (I c = place.lane; place.is_there && c < classes; c += place.lanes)
        sum += exp((double)x[place.at(c)] - most);
    sum = lanes_sum(sum, place);
    if (place.is_there && place.lane == 0) log_sum[place.position] = most + log(sum);
}

// A block a sequence. paths: its states, and their number in states; chance: (T, N, S), gets that
// of a path to be in a state; beta has room for two steps.
extern "C" __global__ void ctc_paths(
    const T *x, const double *log_sum, const T *label, const T *length, double *cost, int *paths,
    int *states, double *chance, double *beta, int steps, int items, int classes, int width,
    int blank
) {
    const int n = blockIdx.x, most = 2 * width + 1, last = steps_of(length, n, steps);
    int *path = paths + (I)n * most;
    __shared__ int count, needed;
    __shared__ double log_p;
    if (threadIdx.x == 0) {
        count = needed = 0;
        for (int k = 0; k < width; ++k) {
            const T at = trunc(label[(I)n * width + k]);
            if (!(at >= 0 && at < classes) || at == blank) continue;
            path[2 * count + 1] = (int)at;
            needed += 1 + (count && path[2 * count - 1] == (int)at);
            ++count;
        }
        states[n] = needed <= last && last ? 2 * count + 1 : 0;
    }
    for (int s = 2 * threadIdx.x; s < most; s += 2 * THREADS) path[s] = blank;
    __syncthreads();
    const int size = 2 * count + 1;
    if (needed > last || !last) {
        if (threadIdx.x == 0) cost[n] = 0;
        return;
    }
    #define SCORE(t, s) \
        ((double)x[((I)(t) * items + n) * classes + path[s]] - log_sum[(I)(t) * items + n])
    #define CHANCE(t) (chance + ((I)(t) * items + n) * most)
    #define SKIPS(s) ((s) % 2 && (s) > 2 && path[s] != path[(s) - 2])
    const double nothing = log(0.0);
    for (int t = 0; t < last; ++t) {
        double *now = CHANCE(t);
        for (int s = threadIdx.x; s < size; s += THREADS) {
            double sum = s < 2 ? 0 : nothing;
            if (t) {
                const double *before = CHANCE(t - 1);
                sum = before[s];
                if (s) sum = log_add(sum, before[s - 1]);
                if (SKIPS(s)) sum = log_add(sum, before[s - 2]);
            }
            now[s] = sum + SCORE(t, s);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        const double *end = CHANCE(last - 1);
        log_p = size > 1 ? log_add(end[size - 1], end[size - 2]) : end[0];
        cost[n] = -log_p;
    }
    __syncthreads();
    for (int t = last - 1; t >= 0; --t) {
        double *now = beta + ((I)n * 2 + t % 2) * most;
        const double *after = beta + ((I)n * 2 + (t + 1) % 2) * most;
        for (int s = threadIdx.x; s < size; s += THREADS) {
            double sum = s + 2 < size ? nothing : 0;
            if (t < last - 1) {
                sum = after[s] + SCORE(t + 1, s);
                if (s + 1 < size) sum = log_add(sum, after[s + 1] + SCORE(t + 1, s + 1));
                if (s + 2 < size && SKIPS(s + 2))
                    sum = log_add(sum, after[s + 2] + SCORE(t + 1, s + 2));
            }
            now[s] = sum;
            CHANCE(t)[s] = exp(CHANCE(t)[s] + sum - log_p);
        }
        __syncthreads();
    }
}

// A block a step of a sequence.
extern "C" __global__ void ctc_grad(
    const T *x, const double *log_sum, const T *length, const int *paths, const int *states,
    const double *chance, T *dx, int steps, int items, int classes, int width
) {
    const int t = blockIdx.x / items, n = blockIdx.x % items, most = 2 * width + 1;
    const I row = blockIdx.x;
    const int size = t < steps_of(length, n, steps) ? states[n] : 0;
    const int *path = paths + (I)n * most;
    for (I c = threadIdx.x; c < classes; c += THREADS)
        dx[row * classes + c] = size ? (T)exp((double)x[row * classes + c] - log_sum[row]) : (T)0;
    __syncthreads();
    for (int s = threadIdx.x; s < size; s += THREADS) {
        // the first of its class: of the blanks, which are even, that is state 0
        bool is_first = s % 2 || !s;
        for (int k = 1; k < s && is_first; k += 2) is_first = path[k] != path[s];
        if (!is_first) continue;
        double sum = 0;
        for (int k = s; k < size; k += 2)
            if (path[k] == path[s]) sum += chance[row * most + k];
        const I at = row * classes + path[s];
        dx[at] = (T)(exp((double)x[at] - log_sum[row]) - sum);
    }
}
"""
)
_LOGS, _PATHS, _GRAD = (Kernel(name, _SOURCE) for name in ("ctc_logs", "ctc_paths", "ctc_grad"))


def ctc(
    x: Array,
    label: Array,
    length: Array | None,
    blank: int,
    cost: Array,
    dx: Array,
) -> None:
    """``ctc.ctc``."""
    import cupy

    (steps, items, classes), width = x.shape, label.shape[1]
    most = 2 * width + 1
    rows = plan((steps * items, classes, 1))
    log_sum = cupy.empty((steps, items), cupy.float64)
    chance = cupy.empty((steps, items, most), cupy.float64)
    beta = cupy.empty((items, 2, most), cupy.float64)
    paths, states = cupy.empty((items, most), cupy.int32), cupy.empty(items, cupy.int32)
    sizes = steps, items, classes, width
    _LOGS.blocks(rows.rounds, *rows.args, x, log_sum)
    args = x, log_sum, label, length, cost, paths, states, chance, beta
    _PATHS.blocks(items, *args, *sizes, blank)
    _GRAD.blocks(steps * items, x, log_sum, length, paths, states, chance, dx, *sizes)
