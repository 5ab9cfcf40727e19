"""Batch latency: batches of windows straight to Triton, as NVIDIA's tables have it."""
