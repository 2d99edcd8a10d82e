"""Any server with OpenAI's API for embeddings. What was paid for is stored, and is not asked for again."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from belle_data.embed.embedder import Cost
from belle_data.embed.openai_requests import Item, Requests
from belle_data.embed.price import DOLLARS_PER_MILLION_TOKENS, tokens_of
from belle_data.embed.vector_store import VectorStore, key_of
from belle_data.embed.vectors import texts_and_blanks
from belle_data.errors import UsageError
from belle_data.openai_server import OWN_SERVER, api_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from belle_data.embed.openai_answers import Answer
    from belle_data.embed.settings import EmbedderSettings

_MOST_TOKENS = 200_000
"""Estimated tokens in a request; OpenAI's limit is 300,000 by its own count."""
_REQUESTS_EACH = 8
"""Requests for each of those at once: so long are the connections of a batch used."""
_PROBE = "a"


class OpenAI:
    """A model behind an address.

    Args:
        model: Its name on the server.
        settings: See `EmbedderSettings`.
        cache: Folder for the vectors that were paid for; None to keep none.
        notify: Is told of long waits.

    Raises:
        UsageError: The package is not installed, the address is none or has something secret in it, or there is no key
            for OpenAI's own server.
    """

    of_rows = False

    def __init__(
        self,
        model: str,
        settings: EmbedderSettings,
        *,
        cache: Path | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.name = f"openai:{model}"
        self._model = model
        self._settings = settings
        if find_spec("openai") is None:
            message = f"the embedder {self.name} needs the package openai, which is not installed"
            raise UsageError(message, hint="pip install openai")
        self._server = server_of(settings.base_url)
        api_key(self._server)
        asked = f" dimensions={settings.dimensions}" if settings.dimensions else ""
        self._owner = f"openai:{model}{asked} server={self._server}"
        self._requests = Requests(self._server, model, settings, notify)
        self._store = None if cache is None else VectorStore(cache / _file_name(model, self._owner), self._owner)

    @property
    def fingerprint(self) -> str:
        """Model, length of the vectors if it is asked for, address, and where texts are cut."""
        cut = f" max_characters={self._settings.max_characters}" if self._settings.max_characters else ""
        return self._owner + cut

    @property
    def dimensions(self) -> int | None:
        """As the settings say, or the stored vectors, or the first answer."""
        if self._requests.dimensions is None and self._store is not None and self._store.open():
            self._requests.dimensions = self._store.dimensions
        return self._requests.dimensions

    @property
    def batch(self) -> int:
        """Texts of several requests for each that may be on its way."""
        return self._settings.texts_per_request * self._settings.concurrency * _REQUESTS_EACH

    @property
    def tokens(self) -> int:
        """Tokens that the server has counted so far."""
        return self._requests.tokens

    def tolerance(self, cosine: float) -> float:  # noqa: ARG002 - the protocol's
        """0: a text is asked for once."""
        return 0.0

    def cost(self, texts: pa.Array) -> Cost:
        """What the texts would cost that are not stored; each distinct text counts once."""
        texts, blank = texts_and_blanks(texts, texts)
        distinct = pc.unique(self._cut(texts).filter(pa.array(~blank)))
        stored = np.zeros(len(distinct), np.bool_)
        if self._store is not None and len(distinct):
            stored = self._store.present([key_of(text) for text in distinct.to_pylist()])
        tokens = int(tokens_of(distinct)[~stored].sum())
        price = self._settings.price
        if price is None and self._server == OWN_SERVER:
            price = DOLLARS_PER_MILLION_TOKENS.get(self._model)
        money = None if price is None else tokens * price / 1e6
        return Cost(int((~stored).sum()), int(stored.sum()), tokens, 0.0 if stored.all() else money)

    def embed(self, texts: pa.Array, rows: pa.Array, *, precisely: bool = False) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Take stored vectors, and ask for the others; each answer is stored as it comes.

        Raises:
            UsageError: The server does not let us in, or does not have the model.
            SourceError: It refuses a text, fails for longer than `patience`, or answers what cannot be right.
            RunFolderError: Vectors cannot be stored.
        """
        texts, blank = texts_and_blanks(texts, rows)
        wanted = np.flatnonzero(~blank)
        numbers = rows.to_numpy(zero_copy_only=False)
        distinct: dict[bytes, Item] = {}
        keys = []
        for place, text in zip(wanted.tolist(), self._cut(texts).take(pa.array(wanted)).to_pylist(), strict=True):
            key = key_of(text)
            keys.append(key)
            distinct.setdefault(key, Item(len(distinct), text, int(numbers[place])))
        if not keys and len(texts) and self.dimensions is None:
            # Nothing but a text tells how long a vector is.
            self._vectors_of({key_of(_PROBE): Item(0, _PROBE, int(numbers[0]))})
        found = self._vectors_of(distinct)
        vectors = np.zeros((len(texts), found.shape[1]), np.float32)
        vectors[wanted] = found[[distinct[key].place for key in keys]]
        return vectors

    def close(self) -> None:
        """Close the file of stored vectors, so that another run may use it."""
        if self._store is not None:
            self._store.close()

    def _cut(self, texts: pa.Array) -> pa.Array:
        if self._settings.max_characters is None:
            return texts
        return pc.utf8_slice_codeunits(texts, 0, self._settings.max_characters)

    def _vectors_of(self, items: dict[bytes, Item]) -> npt.NDArray[np.float32]:
        """Give the vectors of distinct texts, in their order, from the store or the server."""
        keys = list(items)
        missing = list(items.values())
        found: dict[int, npt.NDArray[np.float32]] = {}
        if self._store is not None:
            present, stored = self._store.find(keys)
            found = dict(zip(np.flatnonzero(present).tolist(), stored, strict=True))
            missing = [item for item in missing if not present[item.place]]
        expected = self.dimensions

        def answered(part: list[Item], answer: Answer) -> None:
            if self._store is not None:
                self._store.add([keys[item.place] for item in part], answer.vectors)
            found.update(zip((item.place for item in part), answer.vectors, strict=True))

        if missing:
            try:
                self._requests.ask(list(self._chunks(missing)), answered)
            finally:
                if self._store is not None:
                    self._store.flush()
            expected = self._requests.dimensions
        vectors = np.zeros((len(items), expected or 0), np.float32)
        for place, vector in found.items():
            vectors[place] = vector
        return vectors

    def _chunks(self, items: list[Item]) -> Iterator[list[Item]]:
        """Cut what is to be asked into requests, by texts and by estimated tokens."""
        tokens = tokens_of(pa.array([item.text for item in items], pa.large_string())).tolist()
        chunk: list[Item] = []
        total = 0
        for item, count in zip(items, tokens, strict=True):
            if chunk and (len(chunk) == self._settings.texts_per_request or total + count > _MOST_TOKENS):
                yield chunk
                chunk, total = [], 0
            chunk.append(item)
            total += count
        if chunk:
            yield chunk


def server_of(base_url: str | None) -> str:
    """Give the address in one spelling: of the settings, of the environment, or OpenAI's.

    Raises:
        UsageError: It is none, or has a user, a query or a fragment, which may be secret; it is in no message then.
    """
    where = "base_url" if base_url else "OPENAI_BASE_URL"
    address = base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OWN_SERVER
    hint = "write it as https://host/v1; a key belongs into OPENAI_API_KEY"
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise UsageError(f"{where} is no address of a server", hint=hint) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(f"{where} has more than the address of a server", hint=hint)
    host = parts.hostname or ""
    if parts.scheme.lower() not in {"http", "https"} or not host or not address.isprintable() or " " in address:
        raise UsageError(f"{where} is no address of a server", hint=hint)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}"


def _file_name(model: str, owner: str) -> str:
    """Name the file of stored vectors: readable, and another for another model, length or server."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[:60]
    return f"openai-{readable}-{blake2b(owner.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}.vectors"
