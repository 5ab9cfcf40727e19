"""Fine-tuning ELECTRA for question answering on SQuAD, as the bundled checkpoint was made."""
