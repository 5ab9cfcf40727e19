"""The API key that a client sends to a gateway that asks for one."""


class ApiKeyError(Exception):
    """An API key that cannot be sent; the message says why, without the key."""


def authorization(key: str | None) -> dict[str, str]:
    """Return the header that carries ``key``, or {} where there is no key.

    Raises ApiKeyError for a key that no header can hold.
    """
    if not key:
        return {}
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ApiKeyError(
            "the API key has a character that a header cannot hold: only ASCII letters, digits "
            "and punctuation are allowed"
        )
    return {"authorization": f"Bearer {key}"}
