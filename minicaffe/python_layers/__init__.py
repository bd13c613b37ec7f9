"""Layers that forks and models have as Python modules: here for definitions that name them.

Where a definition's module cannot be imported, ``layers.python`` looks here; a user's own module
of the name goes first.
"""

from __future__ import annotations

# (module, layer) as definitions name them -> where the class is
BUILT_IN: dict[tuple[str, str], str] = {
    ("roi_data_layer.layer", "RoIDataLayer"): (
        "minicaffe.python_layers.roi_data_layer:RoIDataLayer"
    ),
    ("rpn.anchor_target_layer", "AnchorTargetLayer"): (
        "minicaffe.python_layers.anchor_target_layer:AnchorTargetLayer"
    ),
    ("rpn.proposal_layer", "ProposalLayer"): (
        "minicaffe.python_layers.proposal_layer:ProposalLayer"
    ),
    ("rpn.proposal_target_layer", "ProposalTargetLayer"): (
        "minicaffe.python_layers.proposal_target_layer:ProposalTargetLayer"
    ),
    ("spatial_dropout", "SpatialDropoutLayer"): (
        "minicaffe.python_layers.spatial_dropout:SpatialDropoutLayer"
    ),
}
