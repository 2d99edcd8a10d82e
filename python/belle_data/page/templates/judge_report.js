"use strict";
// Shows, hides and orders the cases of the page. It reads numbers of attributes and the texts of elements, and writes
// nothing but a count: no text of a row becomes markup or code. Without it every case is shown.
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const panel = byId("filters");
  const list = byId("case-list");
  if (!panel || !list) return;

  const folded = (text) => text.normalize("NFKC").toLowerCase();
  const cases = all(".case", list).map((element) => ({
    element,
    place: Number(element.dataset.place),
    category: element.dataset.category,
    answers: all(".answer", element).map((answer) => ({
      element: answer,
      run: answer.dataset.run,
      score: answer.dataset.score === undefined ? null : Number(answer.dataset.score),
    })),
  }));

  // Texts are read when somebody searches for the first time; answers that are hidden are not searched.
  const textOf = (part, within) => {
    part.text ??= folded(all(".said, .row-id", within).map((element) => element.textContent).join("\n"));
    return part.text;
  };
  const holds = (one, answers, words) => {
    if (words.length === 0) return true;
    one.asked ??= { element: one.element.querySelector(".asked") };
    const texts = [one.asked, ...answers].map((part) => textOf(part, part.element));
    return words.every((word) => texts.some((text) => text.includes(word)));
  };
  const chosen = (name) => panel.querySelector(`input[name="${name}"]:checked`)?.value ?? "";
  const number = (id, otherwise) => {
    const value = byId(id).valueAsNumber;
    return Number.isNaN(value) ? otherwise : value;
  };

  const keys = {
    place: (one) => one.place,
    difference: (one) => -one.difference,
    lowest: (one) => (one.scores.length ? Math.min(...one.scores) : Infinity),
    highest: (one) => (one.scores.length ? -Math.max(...one.scores) : Infinity),
  };

  const apply = () => {
    const words = folded(byId("search").value).split(/\s+/).filter(Boolean);
    const category = chosen("category");
    const boxes = all('input[name="run"]', panel);
    const runs = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const low = number("low", 0);
    const high = number("high", 1);
    const apart = number("apart", 0);
    const missing = byId("missing").checked;
    let count = 0;
    for (const one of cases) {
      const answers = one.answers.filter((answer) => boxes.length === 0 || runs.has(answer.run));
      for (const answer of one.answers) answer.element.hidden = !answers.includes(answer);
      one.scores = answers.map((answer) => answer.score).filter((score) => score !== null);
      one.difference = one.scores.length > 1 ? Math.max(...one.scores) - Math.min(...one.scores) : -1;
      const within = (low <= 0 && high >= 1) || one.scores.some((score) => score >= low && score <= high);
      // A little more room than nothing: 0.9 - 0.6 is less than 0.3 to a machine.
      const shown = within
        && (category === "" || one.category === category)
        && (apart <= 0 || one.difference >= apart - 1e-9)
        && (!missing || answers.some((answer) => answer.score === null))
        && holds(one, answers, words);
      one.element.hidden = !shown;
      count += shown ? 1 : 0;
    }
    const key = keys[chosen("order")] ?? keys.place;
    const ordered = [...cases].sort((a, b) => key(a) - key(b) || a.place - b.place);
    if (ordered.some((one, at) => list.children[at] !== one.element)) list.append(...ordered.map((one) => one.element));
    byId("count").textContent = String(count);
    byId("nothing").hidden = count > 0;
  };

  panel.addEventListener("input", apply);
  byId("reset").addEventListener("click", () => {
    for (const input of all("input", panel)) {
      input.value = input.defaultValue;
      input.checked = input.defaultChecked;
    }
    apply();
  });
  panel.hidden = false;
  apply();
})();
