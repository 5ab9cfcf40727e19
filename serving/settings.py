"""Every setting of the gateway and the embedded Triton, from flags, environment and file."""

import os
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, FilePath, IPvAnyAddress, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from serving.environment import FILE, PREFIX, check_names, settings_in
from serving.logs import LogFormat
from serving.names import parse_place
from serving.schema import MAX_PAIRS


class Settings(BaseSettings):
    """Serve extractive question answering: a gateway in front of Triton."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, cli_kebab_case=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    port: int = Field(8080, ge=1, le=65535, description="port that the gateway listens on")
    workers: int = Field(1, ge=1, le=64, description="processes that answer on that port")

    model: str | None = Field(
        None, description="variant that answers; by default the best one for this machine"
    )
    model_name: str | None = Field(
        None,
        description="name in KServe's paths; without ELECTRA_QA_MODEL, also the variant's name",
    )
    models: str = Field(
        "", description="additional variants that the embedded Triton serves, comma-separated"
    )
    model_repository: Path = Field(
        Path("model_repository"), description="folder that `make export` writes"
    )
    tokenizer: Path | None = Field(
        None, description="tokenizer.json of the model; by default the model repository's"
    )

    api_keys: SecretStr = Field(
        SecretStr(""),
        description="API keys, comma-separated; a request needs one of them as its bearer token",
    )
    metrics_open: bool = Field(False, description="whether /metrics needs no API key")
    cors_origins: str = Field(
        "", description="origins whose web pages may ask, comma-separated; * for all"
    )
    tls_cert: FilePath | None = Field(None, description="certificate chain in PEM, for HTTPS")
    tls_key: FilePath | None = Field(None, description="private key of that certificate, in PEM")

    triton_url: str | None = Field(
        None, description="host[:8001] of a running Triton's gRPC; without it, one is started"
    )
    triton_urls: str = Field(
        "",
        description="host[:8001] of several Tritons that serve the same models, comma-separated; "
        "replaces ELECTRA_QA_TRITON_URL. Each address of a host name counts as one Triton",
    )
    triton_host: IPvAnyAddress = Field(
        IPv4Address("127.0.0.1"), description="IP address that the embedded Triton listens on"
    )
    triton_http_port: int = Field(
        8000, ge=1, le=65535, description="HTTP port of the embedded Triton"
    )
    triton_grpc_port: int = Field(
        8001, ge=1, le=65535, description="gRPC port of the embedded Triton"
    )
    triton_metrics_port: int = Field(
        8002, ge=1, le=65535, description="metrics port of the embedded Triton"
    )
    triton_start_seconds: float = Field(
        60, gt=0, description="time that the embedded Triton has to start"
    )

    temperature: float = Field(
        1, ge=0.01, description="divides the logits before the softmax that makes the scores"
    )

    request_seconds: float = Field(
        30, gt=0, description="time that a request has; its x-request-timeout-ms can shorten it"
    )
    ready_seconds: float = Field(
        0.8,
        gt=0,
        description="time that a readiness inference has; a probe's timeout must be longer",
    )
    ready_in_outage: bool | None = Field(
        None,
        description="whether a gateway that has answered once stays ready while Triton is down; by "
        "default if ELECTRA_QA_TRITON_URL or ELECTRA_QA_TRITON_URLS names it",
    )
    drain_seconds: float = Field(
        0, ge=0, description="time to go on answering after SIGTERM, while not ready"
    )
    grace_seconds: float = Field(20, gt=0, description="time to finish requests in flight at exit")

    max_connections: int = Field(900, ge=1, description="connections of one worker; more get 503")
    head_seconds: float = Field(10, gt=0, description="time for a request's head to arrive")
    body_seconds: float = Field(10, gt=0, description="time for a request's body to arrive")
    max_body_bytes: int = Field(1_000_000, ge=1, description="size of a request's body")
    max_question_chars: int = Field(2_000, ge=1, description="length of a question")
    max_context_chars: int = Field(250_000, ge=1, description="length of a context")
    max_pairs: int = Field(
        MAX_PAIRS, ge=1, le=MAX_PAIRS, description="questions of one request to /answers"
    )
    max_windows: int = Field(512, ge=1, description="windows of one question")
    max_windows_in_flight: int = Field(
        2048, ge=1, description="windows of all requests together; beyond that, a request gets 429"
    )
    max_queue_seconds: float = Field(
        0.5, gt=0, description="wait for the windows ahead of a request; beyond that, it gets 429"
    )

    log_format: LogFormat = Field("text", description="text, for people, or json")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is logged"
    )
    log_texts: bool = Field(
        False, description="log questions, contexts and answers, which are never logged otherwise"
    )

    @property
    def model_list(self) -> list[str]:
        """The variants that are served beside the one that answers."""
        return _split(self.models)

    @property
    def triton_url_list(self) -> list[str]:
        """The running Tritons; empty if the gateway starts one."""
        return _split(self.triton_urls) or ([self.triton_url] if self.triton_url else [])

    @property
    def is_ready_in_outage(self) -> bool:
        """``ready_in_outage``, or its default."""
        if self.ready_in_outage is None:
            return bool(self.triton_url_list)
        return self.ready_in_outage

    @property
    def api_key_list(self) -> list[str]:
        """The API keys, none of which is empty."""
        return _split(self.api_keys.get_secret_value())

    @property
    def cors_origin_list(self) -> list[str]:
        """The origins that CORS allows."""
        return _split(self.cors_origins)

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer.json to load."""
        return self.tokenizer or self.model_repository / "tokenizer.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it ignores a misspelt name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - that of a fixed path
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources below the flags: environment, file, and arguments of the call.

        ELECTRA_QA_SETTINGS_FILE names the file. The arguments are the flags that KServe adds, which
        a user's own settings override. Raises SettingsError for a name in the environment or the
        file that is no setting.
        """
        path = os.environ.get(FILE)
        if path and not Path(path).is_file():
            raise SettingsError(f"{FILE}={path!r}: there is no such file")
        names = settings_cls.model_fields
        environment = EnvSettingsSource(settings_cls)
        environment.env_vars = settings_in(environment.env_vars, names)
        file = DotEnvSettingsSource(settings_cls, env_file=path)
        check_names(file.env_vars, names, str(path))
        return environment, file, init_settings

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    @field_validator("triton_url", "triton_urls")
    @classmethod
    def _check_places(cls, urls: str | None) -> str | None:
        for url in _split(urls or ""):
            parse_place(url)
        return urls

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("give both ELECTRA_QA_TLS_CERT and ELECTRA_QA_TLS_KEY, or neither")
        return self


def _split(values: str) -> list[str]:
    return [value.strip() for value in values.split(",") if value.strip()]
