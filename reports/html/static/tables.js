// The table of cases: filtered, sorted, a hundred rows at a time.

const PAGE = 100;
const bytes = (value) => (value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB` : `${(value / 1e6).toFixed(1)} MB`);
const columns = [
  { title: "Strategy", value: nameOf },
  { title: "Data", value: (run) => settingOf(run)?.dataLabel ?? run.dataset, shown: (value) => label(value, 48) },
  { title: "Ranks", value: (run) => run.ranks, number: true },
  { title: "Round", value: (run) => run.round, number: true },
  { title: "Examples/s", field: "examples_per_second", number: true, shown: (value) => Math.round(value).toLocaleString("en") },
  { title: "Step p50", value: (run) => run.step_ms.p50 ?? null, number: true, shown: (value) => `${value.toFixed(2)} ms` },
  { title: "AUC", field: "auc", number: true, shown: (value) => value.toFixed(4) },
  { title: "Log loss", field: "logloss", number: true, shown: (value) => value.toFixed(4) },
  { title: "Peak RSS", field: "peak_rss_bytes", number: true, shown: bytes },
  { title: "Parity", value: (run) => run.parity ?? groupOfRun.get(placeOf.get(run))?.parity ?? null },
  { title: "Status", field: "status" },
];
const settingOf = (run) => data.settings[groupOfRun.get(placeOf.get(run))?.setting ?? settingOfCeiling.get(placeOf.get(run))];
const valueOf = (column, run) => (column.field ? run[column.field] : column.value(run));
const order = { column: null, down: false };
let rowsShown = PAGE;

function visibleRuns() {
  const places = [...runs.keys()].filter(runPasses);
  if (order.column === null) return places;
  const column = columns[order.column];
  const sign = order.down ? -1 : 1;
  const key = (place) => valueOf(column, runs[place]);
  return places.sort((a, b) => compareValues(key(a), key(b), sign));
}

function compareValues(a, b, sign) {
  const [left, right] = [a, b].map((value) => value === null || value === undefined || value === "NaN");
  if (left || right) return left - right;
  return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
}

function refreshCases() {
  const places = visibleRuns();
  const body = document.querySelector("#case-table tbody");
  body.replaceChildren(...places.slice(0, rowsShown).map(caseRow));
  const more = document.getElementById("more-cases");
  more.hidden = places.length <= rowsShown;
  more.textContent = `Show all ${places.length.toLocaleString("en")} cases`;
  document.getElementById("shown")?.replaceChildren(`${places.length.toLocaleString("en")} of ${runs.length.toLocaleString("en")} cases`);
}

function caseRow(place) {
  const run = runs[place];
  const unranked = groupOfRun.get(place)?.unranked;
  const row = make("tr", { "data-case": run.case_id, class: run.status !== "ok" || unranked ? "unranked" : null, onclick: () => openRun(place) });
  columns.forEach((column, i) => row.append(caseCell(column, run, place, i)));
  const reason = run.error ?? unranked;
  if (reason) row.lastChild.append(" ", make("span", { class: "reason" }, isolated(label(reason, 120))));
  return row;
}

function caseCell(column, run, place, i) {
  const value = valueOf(column, run);
  const shown = value === null || value === undefined ? "–" : typeof value === "number" || !column.number ? (column.shown ?? label)(value) : label(value);
  if (i > 0) return make("td", { class: column.number ? "number" : null, "data-field": column.field, "data-value": column.field && JSON.stringify(value) }, isolated(String(shown)));
  const open = (event) => {
    event.stopPropagation();
    openRun(place);
  };
  return make("th", { scope: "row" }, make("button", { type: "button", class: "link", onclick: open }, isolated(shown)));
}

function startCases() {
  const heads = columns.map((column, i) =>
    make("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": "none" }, make("button", { type: "button", class: "sort", onclick: () => sortBy(i) }, column.title)));
  document.querySelector("#case-table thead").append(make("tr", {}, ...heads));
  document.getElementById("more-cases").addEventListener("click", () => {
    rowsShown = Infinity;
    refreshCases();
  });
  refreshCases();
}

function sortBy(i) {
  order.down = order.column === i ? !order.down : Boolean(columns[i].number);
  order.column = i;
  document.querySelectorAll("#case-table thead th").forEach((head, k) => head.setAttribute("aria-sort", k === i ? (order.down ? "descending" : "ascending") : "none"));
  refreshCases();
}
