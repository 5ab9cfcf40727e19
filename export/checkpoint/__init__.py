"""Reading a checkpoint: its config, weights and tokenizer, of whatever format it is."""
