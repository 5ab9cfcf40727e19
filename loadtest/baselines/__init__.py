"""What a user would use instead, on the same checkpoint and cores."""
