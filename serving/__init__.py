"""The gateway, and the embedded Triton that it talks to where no container is at hand."""
