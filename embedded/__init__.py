"""A real tritonserver without a container, for all who need one: gateway, export, load test."""
