"""A teacher: whatever model transformers can load for question answering, with its tokenizer."""
