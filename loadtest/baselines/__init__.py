"""What a user would pick instead, on the same checkpoint and cores."""
