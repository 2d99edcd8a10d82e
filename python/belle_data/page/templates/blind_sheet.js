"use strict";
// Keeps the choices of a blind sheet on this device, and writes them as a table. All texts are read from the page.
(() => {
  const sheet = document.getElementById("sheet");
  const rows = [...sheet.querySelectorAll("section.row")];
  const place = "belle-blind-sheet-" + sheet.dataset.code;

  const chosen = (row) => row.querySelector(".choice input:checked")?.value ?? "";
  const note = (row) => row.querySelector(".note").value;

  // Some browsers keep nothing for pages that are files; then the choices last as long as the page is open.
  const keep = () => {
    try {
      const choices = rows.map((row) => [row.dataset.number, chosen(row), note(row)]);
      localStorage.setItem(place, JSON.stringify(choices));
    } catch (error) {
      void error;
    }
  };
  const recall = () => {
    let choices = [];
    try {
      choices = JSON.parse(localStorage.getItem(place) ?? "[]");
    } catch (error) {
      void error;
    }
    if (!Array.isArray(choices)) return;
    for (const choice of choices) {
      if (!Array.isArray(choice)) continue;
      const row = rows.find((one) => one.dataset.number === choice[0]);
      const box = row && [...row.querySelectorAll(".choice input")].find((one) => one.value === choice[1]);
      if (box) box.checked = true;
      if (row && typeof choice[2] === "string") row.querySelector(".note").value = choice[2];
    }
  };
  const count = () => {
    document.getElementById("chosen").textContent = String(rows.filter(chosen).length);
  };

  // A spreadsheet must not take a text for a formula; what reads the table removes the mark.
  const cell = (text) => {
    const defused = /^(?:'|[\t\r\n]|\s*[=+\-@＝＋－＠])/.test(text) ? "'" + text : text;
    return '"' + defused.replaceAll('"', '""') + '"';
  };
  const table = () => {
    const lines = [sheet.dataset.head.split("|").map(cell).join(",")];
    for (const row of rows) {
      const texts = ["prompt", "reference", "left", "right"].map(
        (name) => row.querySelector('[data-text="' + name + '"]').textContent,
      );
      const category = row.dataset.category;
      lines.push([row.dataset.number, category, ...texts, chosen(row), note(row)].map(cell).join(","));
    }
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  };
  const download = () => {
    const address = URL.createObjectURL(new Blob([table()], { type: "text/csv;charset=utf-8" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "verdicts-" + sheet.dataset.code + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };

  recall();
  count();
  sheet.addEventListener("input", () => {
    count();
    keep();
  });
  document.getElementById("download").addEventListener("click", download);
})();
