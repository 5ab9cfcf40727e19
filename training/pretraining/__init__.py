"""Replaced-token detection: the objective that ELECTRA is named for, on text without answers."""
