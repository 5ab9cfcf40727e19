"""What a model's config says about requests to it."""

import pytest

from qa.tensors import ContractError, RequestShape, read_request_shape


def test_what_is_written_is_read() -> None:
    shape = RequestShape(sequence_length=384, pad_to_multiple_of=64, max_rows=32)
    assert read_request_shape({"use": "more", **shape.parameters()}) == shape


@pytest.mark.parametrize("name", ["sequence_length", "pad_to_multiple_of", "max_rows"])
@pytest.mark.parametrize("wrong", [None, "", "0", "-1", "many", "1.5"])
def test_what_is_missing_or_no_number_is_named(name: str, wrong: str | None) -> None:
    parameters = RequestShape(384, 64, 32).parameters()
    del parameters[name]
    if wrong is not None:
        parameters[name] = wrong
    with pytest.raises(ContractError, match=name):
        read_request_shape(parameters)


@pytest.mark.parametrize(
    ("tokens", "padded"), [(1, 64), (64, 64), (65, 128), (320, 320), (321, 350), (350, 350)]
)
def test_rows_are_padded_to_a_multiple_or_to_the_sequence_length(tokens: int, padded: int) -> None:
    assert RequestShape(350, 64, 32).padded(tokens) == padded
