"""Update rules in float64, written from the papers: what those of the library are held to.

Each takes the definition, its state (a list), the weights, the gradient and apart from it the
weight decay, the rate and t, which counts from 1; it returns what to subtract.
"""

from __future__ import annotations

import numpy as np


def sgd(p, s, w, g, decay, rate, t):
    s[0] = p.momentum * s[0] + rate * (g + decay)
    return s[0]


def nesterov(p, s, w, g, decay, rate, t):
    before, s[0] = s[0], p.momentum * s[0] + rate * (g + decay)
    return (1 + p.momentum) * s[0] - p.momentum * before


def adagrad(p, s, w, g, decay, rate, t):
    s[0] = s[0] + (g + decay) ** 2
    return rate * (g + decay) / (np.sqrt(s[0]) + p.delta)


def rmsprop(p, s, w, g, decay, rate, t):
    s[0] = p.rms_decay * s[0] + (1 - p.rms_decay) * (g + decay) ** 2
    return rate * (g + decay) / (np.sqrt(s[0]) + p.delta)


def adadelta(p, s, w, g, decay, rate, t):
    s[0] = p.momentum * s[0] + (1 - p.momentum) * (g + decay) ** 2
    step = np.sqrt(s[1] + p.delta) / np.sqrt(s[0] + p.delta) * (g + decay)
    s[1] = p.momentum * s[1] + (1 - p.momentum) * step**2
    return rate * step


def _averages(p, s, g):
    s[0] = p.momentum * s[0] + (1 - p.momentum) * g
    s[1] = p.momentum2 * s[1] + (1 - p.momentum2) * g**2
    return s


def adam(p, s, w, g, decay, rate, t):
    m, v = _averages(p, s, g + decay)
    rate *= np.sqrt(1 - p.momentum2**t) / (1 - p.momentum**t)
    return rate * m / (np.sqrt(v) + p.delta)


def adamw(p, s, w, g, decay, rate, t):
    m, v = _averages(p, s, g)
    m, v = m / (1 - p.momentum**t), v / (1 - p.momentum2**t)
    return rate * (m / (np.sqrt(v) + p.delta) + decay)


def lars(p, s, w, g, decay, rate, t):
    norms = [np.sqrt(sum(x * x for x in array.flat)) for array in (w, g, decay)]
    if norms[0] > 0 and norms[1] > 0:
        rate = rate * p.trust_coefficient * norms[0] / (norms[1] + norms[2])
    s[0] = p.momentum * s[0] + rate * (g + decay)
    return s[0]


RULES = {
    "AdaDelta": adadelta,
    "AdaGrad": adagrad,
    "Adam": adam,
    "AdamW": adamw,
    "LARS": lars,
    "Nesterov": nesterov,
    "RMSProp": rmsprop,
    "SGD": sgd,
}


class Trainer:
    """A whole step of a solver: clip, average, regularize, update, over several parameters."""

    def __init__(self, param, weights, lr_mults=None, decay_mults=None):
        self.p = param
        self.weights = [np.array(w, np.float64) for w in weights]
        self.updates = [np.zeros_like(w) for w in self.weights]
        self.states = [[np.zeros_like(w), np.zeros_like(w)] for w in self.weights]
        self.lr_mults = lr_mults or [1.0] * len(weights)
        self.decay_mults = decay_mults or [1.0] * len(weights)
        self.t = 0

    def step(self, gradients, lr):
        """One update by ``gradients``, the sums over ``iter_size`` passes."""
        p = self.p
        self.t += 1
        norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
        clipped = 0 <= p.clip_gradients < norm
        scale = (p.clip_gradients / norm if clipped else 1.0) / p.iter_size
        for i, w in enumerate(self.weights):
            pull = np.sign(w) if p.regularization_type == "L1" else w
            decay = p.weight_decay * self.decay_mults[i] * pull
            self.updates[i] = RULES[p.type](
                p, self.states[i], w, scale * gradients[i], decay, lr * self.lr_mults[i], self.t
            )
            self.weights[i] = w - self.updates[i]
