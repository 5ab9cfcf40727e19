"""The exported repository of the end-to-end tests, for the gateways that are put under load."""

from tests.e2e.conftest import repository

__all__ = ["repository"]
