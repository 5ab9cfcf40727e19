"""Making the model files: ELECTRA's graph with the weights, in each format and precision."""
