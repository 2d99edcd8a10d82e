# ruff: noqa: PYI021 - names are those of the native code, which has no other place for its documentation
"""The part of `belle_data._native` that gives texts of rows to stages. For type checkers: there is no such module."""

from belle_data._native import ArrowBatch, ArrowRows, Corpus, Ledger, _ArrowData

def language_names() -> list[str]:
    """Names of the languages that `row_languages` tells apart, each at its number."""

def row_languages(rows: Corpus | ArrowRows, ledger: Ledger | None) -> ArrowBatch:
    """The language of each row that stands, by most letters of its first two thousand bytes.

    Args:
        rows: The rows.
        ledger: Says which of them stand; None: all do.

    Returns:
        ``row`` (uint32, ascending) and ``language`` (uint8), a place in `language_names`.

    Raises:
        ValueError: The ledger is of another number of rows.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """

def row_texts(rows: Corpus | ArrowRows, numbers: _ArrowData) -> ArrowBatch:
    """The texts of some rows.

    Args:
        rows: The rows.
        numbers: Which of them, uint32, in any order.

    Returns:
        ``prompt``, all turns that are not the model's, and ``output``, the model's, joined by line feeds and without
        the white space at their ends, in the order of `numbers`.

    Raises:
        TypeError: The numbers are no uint32.
        ValueError: There is no such row.
        KeyboardInterrupt: The user pressed Ctrl-C.
    """
