"""Fine-tuning ELECTRA for question answering on SQuAD; it makes the bundled checkpoint."""
