"""The proof of the model files: compared with the reference, measured, and tried in a Triton."""
