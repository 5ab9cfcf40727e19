"""Every setting of the gateway and the embedded Triton: flag, environment, file, default."""

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
        None, description="variant that answers; chosen by what the CPU can do unless given"
    )
    model_name: str | None = Field(
        None,
        description="its name in KServe's paths; names the variant where ELECTRA_QA_MODEL does not",
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
        SecretStr(""), description="keys, any of which is asked for as a bearer token; by comma"
    )
    metrics_open: bool = Field(False, description="whether /metrics needs none of them")
    cors_origins: str = Field("", description="origins whose pages may ask, by comma; * for all")
    tls_cert: FilePath | None = Field(None, description="certificate chain in PEM, for HTTPS")
    tls_key: FilePath | None = Field(None, description="its private key in PEM")

    triton_url: str | None = Field(
        None, description="host[:8001] of a running Triton's gRPC; without it one is started"
    )
    triton_urls: str = Field(
        "",
        description="of several that serve the same models, by comma; in place of "
        "ELECTRA_QA_TRITON_URL. Each address of a name is one of them",
    )
    triton_host: IPvAnyAddress = Field(
        IPv4Address("127.0.0.1"), description="IP address that the one started listens on"
    )
    triton_http_port: int = Field(8000, ge=1, le=65535, description="HTTP, of the one started")
    triton_grpc_port: int = Field(8001, ge=1, le=65535, description="gRPC, of the one started")
    triton_metrics_port: int = Field(8002, ge=1, le=65535, description="metrics, likewise")
    triton_start_seconds: float = Field(60, gt=0, description="time it has to come up")

    temperature: float = Field(
        1, ge=0.01, description="divides the logits before the softmax that makes the scores"
    )

    request_seconds: float = Field(
        30, gt=0, description="time that a request has; its x-request-timeout-ms may shorten it"
    )
    ready_seconds: float = Field(
        0.8, gt=0, description="time that a readiness inference has; a probe's own must be longer"
    )
    ready_in_outage: bool | None = Field(
        None,
        description="whether a gateway that has answered once stays ready while Triton is out; by "
        "default where ELECTRA_QA_TRITON_URL or ELECTRA_QA_TRITON_URLS names it",
    )
    drain_seconds: float = Field(
        0, ge=0, description="time that it listens on after SIGTERM, while it is not ready"
    )
    grace_seconds: float = Field(20, gt=0, description="time to finish what is in flight at exit")

    max_connections: int = Field(
        900, ge=1, description="connections of one worker; beyond it they get 503"
    )
    head_seconds: float = Field(10, gt=0, description="time that a request's head has to come")
    body_seconds: float = Field(10, gt=0, description="time that a request's body has to come")
    max_body_bytes: int = Field(1_000_000, ge=1, description="size of a request's body")
    max_question_chars: int = Field(2_000, ge=1, description="length of a question")
    max_context_chars: int = Field(250_000, ge=1, description="length of a context")
    max_pairs: int = Field(
        MAX_PAIRS, ge=1, le=MAX_PAIRS, description="questions of one request to /answers"
    )
    max_windows: int = Field(512, ge=1, description="windows of one question")
    max_windows_in_flight: int = Field(
        2048, ge=1, description="windows of all requests; beyond it they get 429"
    )
    max_queue_seconds: float = Field(
        0.5, gt=0, description="wait for the windows ahead of a request; beyond it, 429"
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
        """The Tritons that run already; none: one is started."""
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
        """The origins that browsers may let ask."""
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
        """Read the file that ELECTRA_QA_SETTINGS_FILE names, after the environment.

        What is given by a call comes last: it is KServe's, which adds it to what users write.
        Raises SettingsError for a name in either that is no setting.
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
            raise ValueError(
                "ELECTRA_QA_TLS_CERT and ELECTRA_QA_TLS_KEY are needed both, or neither"
            )
        return self


def _split(values: str) -> list[str]:
    return [value.strip() for value in values.split(",") if value.strip()]
