import pytest
from pydantic_settings import CliApp

from serving import kserve
from serving.settings import Settings

#: As KServe's controller appends them to the command of a transformer called "answers".
APPENDED = [
    *("--model_name", "answers", "--predictor_host", "answers-predictor.default"),
    *("--http_port", "8080"),
]


def settings(*arguments: str) -> Settings:
    theirs, ours = kserve.split(arguments)
    return CliApp.run(Settings, ours, **theirs)


def test_what_kserve_appends() -> None:
    read = settings(*APPENDED, "--workers", "2")
    assert (read.model, read.model_name, read.port, read.workers) == (None, "answers", 8080, 2)
    assert read.triton_url_list == ["answers-predictor.default"]


def test_with_equals_signs() -> None:
    assert settings("--http_port=9000", "--predictor_host=triton:80").port == 9000


def test_what_users_say_goes_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELECTRA_QA_PORT", "9001")
    read = settings("--model", "electra_qa_onnx_fp16", "--triton-urls=triton:9", *APPENDED)
    assert (read.model, read.port) == ("electra_qa_onnx_fp16", 9001)
    assert read.triton_url_list == ["triton:9"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "v1"], "--predictor_protocol='v1': the gateway speaks grpc-v2 only"),
        (["--predictor_protocol=v2"], "='v2': the gateway speaks grpc-v2 only"),
        (["--predictor_use_ssl", "True"], "--predictor_use_ssl='True': the gateway speaks"),
    ],
)
def test_what_the_gateway_cannot_do(arguments: list[str], said: str) -> None:
    with pytest.raises(kserve.KServeError) as refused:
        settings(*arguments)
    assert said in str(refused.value)


def test_what_it_can() -> None:
    settings("--predictor_protocol", "grpc-v2", "--predictor_use_ssl", "false")


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings(*APPENDED, "--enable_latency_logging", "true")
    assert "unrecognized arguments: --enable_latency_logging true" in capsys.readouterr().err


@pytest.mark.parametrize("urls", ["http://triton", "triton:8001,:9", "triton:0"])
def test_what_is_no_place_of_a_triton(urls: str) -> None:
    with pytest.raises(ValueError, match="is not host:port, such as triton:8001"):
        settings("--triton-urls", urls)
