"""From what the user names (files, folders, globs, URLs) to local files with a row per line.

`find_sources` lists the files and says what each holds; `materialise` turns one into a local file that can be
memory-mapped; `sample` gives its first lines. Importing this package imports none of fsspec, pyarrow and zstandard:
they are loaded when a source needs them.
"""

from belle_data.sources.find import find_sources
from belle_data.sources.model import ArraySplitter, Compression, Kind, LocalFile, Source
from belle_data.sources.spool import finished_copy, materialise, sample
from belle_data.sources.storage import check_unchanged

__all__ = [
    "ArraySplitter",
    "Compression",
    "Kind",
    "LocalFile",
    "Source",
    "check_unchanged",
    "find_sources",
    "finished_copy",
    "materialise",
    "sample",
]
