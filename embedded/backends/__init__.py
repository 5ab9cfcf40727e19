"""Backends that the embedded Triton runs in place of the native ones of the same names."""
