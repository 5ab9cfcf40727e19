"""Batch latency: batches of windows sent straight to Triton, as in NVIDIA's tables."""
