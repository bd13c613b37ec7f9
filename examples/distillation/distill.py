"""What a big net knows, taught to a small one: distillation.

Learn here: two nets in one process, DistillationLoss, EuclideanLoss between scores, learning
without labels. The student has two layers of 30 neurons (784-30-30-10), the teacher is LeNet. A
label says which digit it is; the teacher's scores also say which others it could be taken for.
After G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015, and
L. J. Ba, R. Caruana, "Do deep nets really need to be deep?", 2014.

    python -m minicaffe.run examples/distillation/distill.py

Prints how many test digits the student tells, for each way of teaching, the mean of several seeds:

    labels      the labels alone
    distilled   softmax of the teacher's scores at temperature 4, and a tenth of the labels' loss
    scores      the teacher's scores as they are, by their squared difference
    few labels  the labels of the first 1000 digits alone
    no label    what the teacher says of all digits, and no label at all
"""

import sys
from pathlib import Path

import caffe
from caffe import layers as L

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common
import school

BATCH = 128

options = common.options(__doc__, iterations=3000, images=60000, few=1000, seeds=5)
out = options.out


images, labels = school.digits("train", options.images)
digits, answers = school.digits("t10k", 10000)
teacher = school.teacher(500)
told = teacher.forward_all(blobs=["ip2"], data=images)["ip2"]
right = teacher.forward_all(data=digits)["prob"].argmax(axis=1) == answers
print(f"teacher: accuracy {right.mean():.4f}")


def student():
    """The student's layers, up to its scores of the ten digits."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [BATCH, 1, 28, 28]})
    filler = {"weight_filler": {"type": "xavier"}}
    n.ip1 = L.InnerProduct(n.data, num_output=30, **filler)
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=30, **filler)
    n.relu2 = L.ReLU(n.ip2, in_place=True)
    n.score = L.InnerProduct(n.relu2, num_output=10, **filler)
    return n


def by_labels(n):
    """What digits are."""
    n.label = L.Input(shape={"dim": [BATCH]})
    n.loss = L.SoftmaxWithLoss(n.score, n.label)


def by_both(n):
    """What digits are, and what the teacher says of them."""
    n.label = L.Input(shape={"dim": [BATCH]})
    n.teacher = L.Input(shape={"dim": [BATCH, 10]})
    shares = {"temperature": 4, "soft_weight": 0.9}
    n.loss = L.DistillationLoss(n.score, n.teacher, n.label, **shares)


def by_teacher(n):
    """What the teacher says of digits."""
    n.teacher = L.Input(shape={"dim": [BATCH, 10]})
    n.loss = L.DistillationLoss(n.score, n.teacher, temperature=4)


def by_scores(n):
    """The teacher's scores, as they are."""
    n.teacher = L.Input(shape={"dim": [BATCH, 10]})
    n.loss = L.EuclideanLoss(n.score, n.teacher)


lessons = {"data": images, "label": labels, "teacher": told}
everything = len(images)
ways = {  # the loss, its rate (tried on 5000 digits held out), how many digits
    "labels": (by_labels, 0.02, everything),
    "distilled": (by_both, 0.02, everything),
    "scores": (by_scores, 0.002, everything),
    "few labels": (by_labels, 0.02, options.few),
    "no label": (by_teacher, 0.02, everything),
}
(out / "student.prototxt").write_text(str(student().to_proto()))
for name, (add_loss, rate, count) in ways.items():
    n = student()
    add_loss(n)
    definition = out / f"{name.replace(' ', '_')}.prototxt"
    definition.write_text(str(n.to_proto()))
    found = []
    for seed in range(1, options.seeds + 1):
        fields = {"base_lr": rate, "weight_decay": 0, "random_seed": seed}
        solver = caffe.SGDSolver(common.write_solver(out / "solver.prototxt", definition, **fields))
        school.learn(solver, options.iterations, seed, count, lessons)
        found.append(school.accuracy(out / "student.prototxt", solver.net, digits, answers))
    school.report(name, found)
