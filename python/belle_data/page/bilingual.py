"""Words of the page in both of its languages: each element is there twice, and the style sheet shows one."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Both:
    """A text in English and in Chinese. Plain strings are escaped, `Markup` is not."""

    en: str
    zh: str

    def __html__(self) -> str:
        """Give both as elements, for a template."""
        return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh-CN">{}</span>').format(
            self.en, self.zh
        )

    def svg(self) -> Markup:
        """Both as parts of a text in a picture."""
        return Markup('<tspan class="en" lang="en">{}</tspan><tspan class="zh" lang="zh-CN">{}</tspan>').format(
            self.en, self.zh
        )

    def plain(self) -> str:
        """Both after each other, where no element can stand: in an attribute, in a tooltip."""
        return self.en if self.en == self.zh else f"{self.en} · {self.zh}"


Text = str | Both
"""What is the same in both languages, such as the name of a stage, is a string."""


def translated(en: str, zh: str, *values: object) -> Both:
    """A text with values set into its ``{}``; all is escaped but values that are marked up."""
    if not values:
        return Both(en, zh)
    return Both(Markup.escape(en).format(*values), Markup.escape(zh).format(*values))


def svg(text: Text) -> Markup:
    """A text as it stands in a picture."""
    return text.svg() if isinstance(text, Both) else Markup.escape(text)


def plain(text: Text) -> str:
    """A text as it stands in an attribute or tooltip."""
    return text.plain() if isinstance(text, Both) else text
