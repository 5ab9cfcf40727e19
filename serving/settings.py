"""Every setting of the gateway and the embedded Triton: flag over environment over default."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.logs import LogFormat


class Settings(BaseSettings):
    """Serve extractive question answering: a gateway in front of Triton."""

    model_config = SettingsConfigDict(cli_kebab_case=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    port: int = Field(8080, ge=1, le=65535, description="port that the gateway listens on")

    model: str = Field("electra_qa_onnx_int8", description="variant that answers")
    model_repository: Path = Field(
        Path("model_repository"), description="folder that `make export` writes"
    )
    tokenizer: Path | None = Field(
        None, description="tokenizer.json of the model; by default the model repository's"
    )

    triton_url: str | None = Field(
        None, description="host:port of a running Triton's gRPC; without it one is started"
    )
    triton_http_port: int = Field(8000, ge=1, le=65535, description="HTTP, of the one started")
    triton_grpc_port: int = Field(8001, ge=1, le=65535, description="gRPC, of the one started")
    triton_metrics_port: int = Field(8002, ge=1, le=65535, description="metrics, likewise")
    triton_start_seconds: float = Field(60, gt=0, description="time it has to come up")

    temperature: float = Field(
        1, ge=0.01, description="divides the logits before scores are computed of them"
    )

    request_seconds: float = Field(
        30, gt=0, description="time that a request has; its x-request-timeout-ms may shorten it"
    )
    ready_seconds: float = Field(2, gt=0, description="time that a readiness inference has")
    grace_seconds: float = Field(20, gt=0, description="time to finish what is in flight at exit")

    max_body_bytes: int = Field(1_000_000, ge=1, description="size of a request's body")
    max_question_chars: int = Field(2_000, ge=1, description="length of a question")
    max_context_chars: int = Field(250_000, ge=1, description="length of a context")
    max_windows: int = Field(512, ge=1, description="windows of one question")
    max_windows_in_flight: int = Field(
        2048, ge=1, description="windows of all requests; beyond it they get 429"
    )

    log_format: LogFormat = Field("text", description="text, for people, or json")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="of these or worse are the lines that are logged"
    )
    log_texts: bool = Field(
        False, description="log questions, contexts and answers, which are never logged otherwise"
    )

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer.json to load."""
        return self.tokenizer or self.model_repository / "tokenizer.json"
