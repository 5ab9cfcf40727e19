"""From a checkpoint to a Triton model repository: SavedModel and ONNX variants of ELECTRA."""
