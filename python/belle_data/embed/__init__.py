"""Texts to vectors: one protocol, four backends, of which a recipe names one.

Importing this package loads neither numpy nor a model: a backend is imported when `embedder_of` is asked for it.
"""

from belle_data.embed.choose import BACKENDS, embedder_of
from belle_data.embed.embedder import Cost, Embedder
from belle_data.embed.settings import DEFAULT_EMBEDDER, EmbedderSettings

__all__ = ["BACKENDS", "DEFAULT_EMBEDDER", "Cost", "Embedder", "EmbedderSettings", "embedder_of"]
