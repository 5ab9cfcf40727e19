"""The gateway: questions and contexts over HTTP, answers from Triton."""
