"""Extractive question answering itself: windows, spans, SQuAD, and the tensor contract."""
