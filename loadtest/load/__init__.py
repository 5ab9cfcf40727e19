"""Questions under load: Locust's users, their levels, and what they measured."""
