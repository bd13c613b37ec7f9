"""Pictures of what a net has learned: filters, activations, saliency, the class it looks for.

A picture is an array, (H, W) or (H, W, 3) in RGB, of float32 from 0 to 1: ``plt.imshow`` shows it,
``save`` writes it.

After: examples/00-classification.ipynb (the grids of filters and activations). Colour planes of
nets are BGR, as OpenCV reads images; here they are turned to RGB, which the notebook leaves out.
"""

from minicaffe.viz.gradient import class_model, saliency
from minicaffe.viz.grid import activations, filters, normalized, save, vis_square
from minicaffe.viz.training_log import curves, plot_curves

__all__ = [
    "activations",
    "class_model",
    "curves",
    "filters",
    "normalized",
    "plot_curves",
    "saliency",
    "save",
    "vis_square",
]
