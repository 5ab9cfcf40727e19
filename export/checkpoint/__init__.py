"""Reading a checkpoint: its config, weights and tokenizer, in any supported format."""
