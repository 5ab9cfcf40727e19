"""Backends that the embedded Triton runs in place of the native ones of the same names."""

from pathlib import Path

FOLDER = Path(__file__).parent  # holds a folder for each
