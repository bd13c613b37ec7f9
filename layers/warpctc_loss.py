"""CtcLoss: CTCLoss by the name that the fork warpctc-caffe has for it."""

from __future__ import annotations

from minicaffe.layers.ctc_loss import CTCLoss
from minicaffe.layers.registry import register_layer


@register_layer("CtcLoss")
class CtcLoss(CTCLoss):
    """As CTCLoss: ``-sum(log(P[n])) / N``, P[n] the chance that sequence n reads as its labels.

    Shapes:
        bottom[0]  x       (T, N, C), scores before any softmax
        bottom[1]  label   (N, L); negative numbers and the blank are left out
        bottom[2]  length  (N,), the steps of each sequence; may be left out
        top[0]     loss    ()
    Definition: ``ctc_loss_param``.
    After: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, "Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks", 2006, and
    the fork warpctc-caffe; what differs is in CTCLoss.
    """

    origin = "warpctc-caffe"
