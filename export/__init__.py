"""From a checkpoint to a Triton model repository: SavedModel and ONNX variants of ELECTRA.

``checkpoint/`` reads a checkpoint, ``graphs/`` makes the model files, ``proof/`` compares and
measures them, ``report/`` tells of it. ``pipeline`` has them do it, one after the other.
"""
