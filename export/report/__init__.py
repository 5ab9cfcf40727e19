"""The report of an export, for people: its figures, its plots and its page."""
