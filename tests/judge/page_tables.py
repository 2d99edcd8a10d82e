"""What stands in a page, read from its HTML as a reader of English sees it."""

from __future__ import annotations

from html.parser import HTMLParser

_EMPTY = {"input", "meta", "br", "link", "img"}


class Page(HTMLParser):
    """Tables by section, texts by section, and all start tags with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.texts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._section = ""
        self._open: list[tuple[str, bool]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in _EMPTY:
            return
        # Chinese is the other half of the page, and scripts and styles are not read.
        hidden = tag in {"script", "style"} or "zh" in (found.get("class") or "").split()
        self._open.append((tag, hidden))
        if tag == "section":
            self._section = found.get("id") or ""
            self.tables[self._section], self.texts[self._section] = [], ""
        elif tag == "table":
            self.tables[self._section].append([])
        elif tag == "tr":
            self.tables[self._section][-1].append([])
        elif tag in {"small", "b"} and self._inside_cell():
            self.tables[self._section][-1][-1][-1] += " "
        elif tag in {"td", "th"}:
            mark = next((one for one in ("best", "perhaps") if one in (found.get("class") or "").split()), "")
            self.tables[self._section][-1][-1].append({"best": "★ ", "perhaps": "☆ "}.get(mark, ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if any(hidden for _, hidden in self._open) or not self._section:
            return
        self.texts[self._section] += data
        if self._inside_cell():
            row = self.tables[self._section][-1][-1]
            row[-1] += data

    def _inside_cell(self) -> bool:
        return any(tag in {"td", "th"} for tag, _ in self._open)

    def row(self, section: str, name: str, table: int = 0) -> list[str]:
        """The cells of the row that begins so."""
        found = [row for row in self.cells(section, table) if row and row[0] == name]
        assert len(found) == 1, (name, self.tables[section][table])
        return found[0]

    def cells(self, section: str, table: int = 0) -> list[list[str]]:
        """The cells of a table, with single blanks."""
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[section][table]]
