"""A thin, deep student, led by what its teacher thinks halfway: FitNets.

Learn here: training in stages, a teacher's net that runs beside the student's, its middle layer as
what the student's middle layer has to tell, parameters handed from one net to the next. The teacher
is LeNet. Where it has a layer of 20 filters of 5 x 5, and one of 50, the student has two of 8 of
3 x 3, and two of 16. In stage 1 the lower half of the student learns, without labels: from its
middle layer a convolution of 1 x 1, the regressor, has to make the teacher's pool2. In stage 2 the
regressor is gone, and the whole student is distilled. After A. Romero, N. Ballas, S. E. Kahou,
A. Chassang, C. Gatta, Y. Bengio, "FitNets: hints for thin deep nets", 2015.

    python -m minicaffe.run examples/distillation/hints.py

Prints how far the loss of stage 1 falls, and how many test digits are told by the student of

    labels         labels alone, for as many iterations as both stages have
    distilled      stage 2 alone, for as many iterations as both stages have
    stage 2 alone  the iterations of stage 2
    both stages    the lower half of stage 1, then stage 2
"""

import sys
from pathlib import Path

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common
import school

BATCH = 64

options = common.options(__doc__, stage1=300, stage2=500, images=60000, tests=10000, seeds=3)
out = options.out
images, labels = school.digits("train", options.images)
digits, answers = school.digits("t10k", options.tests)
teacher = school.teacher(BATCH)


def hint(batch):
    """What the teacher has in the middle, on its way to tell these digits."""
    return teacher.forward(end="pool2", data=batch)["pool2"]


def scores(batch):
    """What the teacher tells of them."""
    return teacher.forward(end="ip2", data=batch)["ip2"]


def convolution(bottom, filters, side):
    """A convolution that learns."""
    return L.Convolution(
        bottom, num_output=filters, kernel_size=side, weight_filler={"type": "msra"}
    )


def lower_half():
    """The student from the digits to its middle layer, which is as wide and high as pool2."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [BATCH, 1, 28, 28]})
    bottom = n.data
    for block, filters in ((1, 8), (2, 16)):
        n[f"conv{block}a"] = convolution(bottom, filters, 3)
        n[f"relu{block}"] = L.ReLU(n[f"conv{block}a"], in_place=True)
        n[f"conv{block}b"] = convolution(n[f"relu{block}"], filters, 3)
        pool = {"kernel_size": 2, "stride": 2, "pool": P.Pooling.MAX}
        n[f"pool{block}"] = bottom = L.Pooling(n[f"conv{block}b"], **pool)
    return n


def student():
    """The whole student, up to its scores of the ten digits."""
    n = lower_half()
    filler = {"weight_filler": {"type": "msra"}}
    n.ip1 = L.InnerProduct(n.pool2, num_output=30, **filler)
    n.relu3 = L.ReLU(n.ip1, in_place=True)
    n.score = L.InnerProduct(n.relu3, num_output=10, **filler)
    return n


hinted, labelled, distilled = lower_half(), student(), student()
hinted.hint = L.Input(shape={"dim": [BATCH, 50, 4, 4]})
hinted.regressor = convolution(hinted.pool2, 50, 1)
hinted.loss = L.EuclideanLoss(hinted.regressor, hinted.hint)
labelled.label = L.Input(shape={"dim": [BATCH]})
labelled.loss = L.SoftmaxWithLoss(labelled.score, labelled.label)
distilled.label = L.Input(shape={"dim": [BATCH]})
distilled.teacher = L.Input(shape={"dim": [BATCH, 10]})
shares = {"temperature": 4, "soft_weight": 0.9}
distilled.loss = L.DistillationLoss(distilled.score, distilled.teacher, distilled.label, **shares)
nets = {"thin": student(), "hinted": hinted, "labelled": labelled, "distilled": distilled}
for name, n in nets.items():
    (out / f"{name}.prototxt").write_text(str(n.to_proto()))


def train(name, iterations, seed, start=None):
    """Train nets[name] from the parameters of ``start`` in what they have in common.

    Returns:
        The solver's net, and the loss of each iteration.
    """
    fields = {"type": "Adam", "base_lr": 0.003, "weight_decay": 0, "random_seed": seed}
    definition = common.write_solver(
        out / "thin_solver.prototxt", out / f"{name}.prototxt", **fields
    )
    solver = caffe.get_solver(definition)
    if start:
        solver.net.share_with(start)
    lessons = {"data": images, "label": labels, "hint": hint, "teacher": scores}
    return solver.net, school.learn(solver, iterations, seed, len(images), lessons)


falls, found = [], {}
every = options.stage1 + options.stage2
for seed in range(1, options.seeds + 1):
    lower, losses = train("hinted", options.stage1, seed)
    falls.append(1 - np.mean(losses[-20:]) / losses[0])
    print(f"seed {seed}: hint loss {losses[0]:.0f} falls by {falls[-1]:.3f}", flush=True)
    ways = {
        "labels": ("labelled", every),
        "distilled": ("distilled", every),
        "stage 2 alone": ("distilled", options.stage2),
        "both stages": ("distilled", options.stage2, lower),
    }
    for way, (name, iterations, *start) in ways.items():
        net, _ = train(name, iterations, seed, *start)
        right = school.accuracy(out / "thin.prototxt", net, digits, answers)
        found.setdefault(way, []).append(right)
print(f"hint loss falls by at least {min(falls):.3f}")
for way, accuracies in found.items():
    school.report(way, accuracies)
