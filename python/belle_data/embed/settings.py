"""Settings of the embedders, for the table of the stage that uses one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_EMBEDDER = "universal-sentence-encoder"


class EmbedderSettings(BaseModel):
    """How an embedder works. Each setting says for which of them it counts; for the others it is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str = Field(
        DEFAULT_EMBEDDER,
        description="What makes the vectors: `universal-sentence-encoder`, `sentence-transformers:MODEL`, "
        "`openai:MODEL` or `numpy:FILE`.",
    )
    base_url: str | None = Field(
        None,
        description="`openai`: address of the server, up to `/v1`; without it that of `OPENAI_BASE_URL`, or of OpenAI.",
    )
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        None, description="`openai`: numbers in a vector, asked of the server; without it what the model has."
    )
    price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="`openai`: US dollars for a million tokens; without it from a table, if the model is in it."
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(
        8, description="`openai`: requests that are on their way at once."
    )
    texts_per_request: Annotated[int, Field(ge=1, le=2048)] = Field(128, description="`openai`: texts in a request.")
    timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="`openai`: seconds after which a request is given up and made again."
    )
    patience: Annotated[float, Field(ge=0, le=86_400)] = Field(
        600.0, description="`openai`: seconds for which a request that fails is made again."
    )
    max_characters: Annotated[int, Field(ge=1)] | None = Field(
        None, description="`openai`: characters after which a text is cut; without it nothing is cut."
    )
    revision: str | None = Field(
        None, description="`sentence-transformers`: branch, tag or commit of the model; without it `main`."
    )
    download: bool = Field(
        default=False, description="`sentence-transformers`: fetch the model if it is not on this machine."
    )
    device: str | None = Field(
        None, description="`sentence-transformers`: such as `cpu` or `cuda:0`; without it what the package chooses."
    )
