"""A SQuAD file through the running gateway: exact match, F1, questions per second."""
