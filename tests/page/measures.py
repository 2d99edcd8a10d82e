"""What the tests ask a page in the browser: functions of JavaScript, each with an answer of JSON."""

_NAME = """
const name = (element) => element.tagName.toLowerCase() + (element.id ? '#' + element.id : '')
    + (element.classList.length ? '.' + [...element.classList].join('.') : '')
    + ' in ' + (element.closest('section')?.id ?? 'no section');
const seen = (element) => element.checkVisibility({opacityProperty: true, visibilityProperty: true});
"""

SECTIONS = """() => [...document.querySelectorAll('section[id]')].map((section) => {
    const box = section.getBoundingClientRect();
    return {id: section.id, left: box.left, right: box.right, top: box.top, bottom: box.bottom,
        seen: section.checkVisibility({opacityProperty: true, visibilityProperty: true}),
        heading: section.querySelector('h2')?.innerText ?? ''};
})"""
"""The sections from the top: where they are, whether they can be seen, and their visible headings."""

WIDE = f"""() => {{ {_NAME}
    const width = document.documentElement.clientWidth, found = [];
    for (const one of [document.documentElement, document.body])
        if (one.scrollWidth > width) found.push(`${{one.tagName}} scrolls: ${{one.scrollWidth}} > ${{width}}`);
    const clipped = (element) => {{
        for (let one = element.parentElement; one && one !== document.body; one = one.parentElement)
            if (getComputedStyle(one).overflowX !== 'visible') return true;
        return false;
    }};
    for (const element of document.body.querySelectorAll('*')) {{
        if (element.ownerSVGElement || element.matches('.skip, .skip *') || !seen(element)) continue;
        const box = element.getBoundingClientRect();
        if (/hidden|clip/.test(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth + 1
                && !element.matches('svg'))
            found.push(`${{name(element)}} cuts off: ${{element.scrollWidth}} > ${{element.clientWidth}}`);
        if (box.width && (box.right > width + 1 || box.left < -1) && !clipped(element))
            found.push(`${{name(element)}}: ${{Math.round(box.left)}} to ${{Math.round(box.right)}} of ${{width}}`);
    }}
    return found;
}}"""
"""Elements wider than the window that do not scroll by themselves, and those that cut off what they hold."""

CUT_IN_CHARTS = f"""() => {{ {_NAME}
    const found = [];
    for (const text of document.querySelectorAll('svg text')) {{
        if (!seen(text)) continue;
        const box = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
        if (box.width && (box.left < all.left - 1 || box.right > all.right + 1
                || box.top < all.top - 2 || box.bottom > all.bottom + 2))
            found.push(`${{name(text)}}: ${{text.textContent.slice(0, 40)}}`);
    }}
    return found;
}}"""
"""Texts of charts that reach over the chart's edge, where they are cut off."""

VISIBLE = f"""(language) => {{ {_NAME}
    return [...document.querySelectorAll('.' + language)].filter((element) => {{
        const box = element.getBoundingClientRect();
        return seen(element) && box.width && box.height;
    }}).map(name);
}}"""
"""Elements of a language that can be seen."""

CONTRAST = f"""() => {{ {_NAME}
    const pen = Object.assign(document.createElement('canvas'), {{width: 1, height: 1}})
        .getContext('2d', {{willReadFrequently: true}});
    const over = (colour, [r, g, b]) => {{
        pen.fillStyle = `rgb(${{r}} ${{g}} ${{b}})`; pen.fillRect(0, 0, 1, 1);
        pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }};
    const light = (colour) => {{
        const [r, g, b] = colour.map((one) => one / 255)
            .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }};
    const behind = (element) => {{
        const layers = [];
        for (let one = element; one; one = one.parentElement) layers.push(getComputedStyle(one).backgroundColor);
        return layers.reverse().reduce((colour, layer) => over(layer, colour), [255, 255, 255]);
    }};
    const found = {{}};
    let seenTexts = 0;
    for (const element of document.body.querySelectorAll('*')) {{
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !seen(element) || element.matches('title, desc, option')) continue;
        const box = element.getBoundingClientRect();
        if (box.width < 2 || box.height < 2) continue;
        const style = getComputedStyle(element), ground = behind(element);
        const ink = over(element.ownerSVGElement ? style.fill : style.color, ground);
        const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
        const ratio = (bright + 0.05) / (dark + 0.05);
        seenTexts += 1;
        if (ratio < 4.5) found[name(element)] = `${{ratio.toFixed(2)}}: ${{ink}} on ${{ground}}`;
    }}
    const ground = light(behind(document.body));
    return {{texts: seenTexts, faint: found, ground}};
}}"""
"""Elements whose text is hard to read: contrast below 4.5 to 1 (WCAG 2, AA)."""

CHARTS = f"""() => {{ {_NAME}
    return [...document.querySelectorAll('svg')].map((svg) => ({{
        name: name(svg), role: svg.getAttribute('role'),
        label: svg.getAttribute('aria-label') ?? svg.querySelector(':scope > title')?.textContent ?? '',
        language: svg.closest('.en, .zh')?.classList.contains('zh') ? 'zh' : svg.closest('.en') ? 'en' : '',
    }}));
}}"""
"""All charts: their role and what a screen reader calls them."""

HEADINGS = f"""() => {{ {_NAME}
    return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(seen)
        .map((heading) => [Number(heading.tagName[1]), heading.innerText.trim()]);
}}"""
"""Levels and texts of the headings that can be seen, from the top."""

CREATED = f"""() => {{ {_NAME}
    const never = 'script, iframe, frame, frameset, object, embed, form, button, textarea, select, base, img, image, '
        + 'picture, video, audio, source, link, template, slot, math, foreignObject, animate, set, noscript, portal';
    const found = [...document.querySelectorAll(never)].map(name);
    for (const element of document.querySelectorAll('*')) {{
        for (const {{name: key, value}} of element.attributes) {{
            const why = key.startsWith('on') || key === 'srcdoc' || key === 'formaction' || key === 'action'
                || key === 'autofocus'
                || ((key === 'href' || key === 'xlink:href') && !value.startsWith('#'))
                || (key === 'src' && !value.startsWith('data:image/'))
                || (key === 'style' && /url\\(|expression|position/i.test(value))
                || ((key === 'id' || key === 'class') && /\\bran\\b/.test(value));
            if (why) found.push(`${{name(element)}} has ${{key}}=${{value.slice(0, 60)}}`);
        }}
    }}
    if (window.__ran !== undefined) found.push('a script ran');
    return found;
}}"""
"""What can only come of a text that was taken for markup."""

COUNTS = """() => {
    const names = ['html', 'head', 'body', 'main', 'h1', 'head title', 'style', 'meta', 'input', 'label'];
    return Object.fromEntries(names.map((one) => [one, document.querySelectorAll(one).length]));
}"""
"""How often there is what a page has a fixed number of."""

SHIFTED = f"""() => {{ {_NAME}
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {{
        if (!/[\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc]/.test(texts.currentNode.data)) continue;
        let one = texts.currentNode.parentElement;
        if (one.closest('title, desc') || !seen(one)) continue;
        while (getComputedStyle(one).display === 'inline'
                && !/isolate|plaintext/.test(getComputedStyle(one).unicodeBidi)) one = one.parentElement;
        if (one.querySelector('.en, .zh, h2, h3') || one.textContent.includes(' · '))
            found.push(name(texts.currentNode.parentElement));
    }}
    return found;
}}"""
"""Elements with letters that run to the left, and words of the page in the same line, which these would shift."""
