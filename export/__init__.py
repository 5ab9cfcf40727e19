"""From an ELECTRA checkpoint to a Triton model repository, in SavedModel, ONNX and OpenVINO.

``checkpoint/`` reads a checkpoint, ``graphs/`` makes the model files, ``proof/`` checks and
measures them, ``report/`` shows the result. ``pipeline`` runs these steps in order.
"""
