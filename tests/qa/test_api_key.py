import pytest

from qa.api_key import ApiKeyError, authorization


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_has_no_header(key: str | None) -> None:
    assert authorization(key) == {}


def test_a_key_is_a_bearer() -> None:
    assert authorization("s3cret-~!") == {"authorization": "Bearer s3cret-~!"}


@pytest.mark.parametrize("key", ["s3cret\nx", "s3cret\r", "two s3cret", "s3cré", "s3cret\x7f"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ApiKeyError) as refused:
        authorization(key)
    assert "a character that a header cannot hold" in str(refused.value)
    assert "s3cr" not in str(refused.value)
