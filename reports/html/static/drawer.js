// The drawer: everything recorded of one case.

const drawer = document.getElementById("drawer");

function openRun(place) {
  if (place === undefined || place === null || !runs[place]) return;
  state.open = runs[place].case_id;
  changed("case");
}

function showDrawer() {
  const place = runs.findIndex((run) => run.case_id === state.open);
  if (place < 0) return drawer.open && drawer.close();
  const run = runs[place];
  document.getElementById("drawer-title").replaceChildren(isolated(nameOf(run)));
  document.getElementById("drawer-body").replaceChildren(...drawerSections(run, groupOfRun.get(place)));
  if (!drawer.open) drawer.showModal();
  drawer.scrollTop = 0;
}

function nameOf(run) {
  if (run.kind !== "train") return `${run.kind} ceiling`;
  const place = placeOf.get(run);
  const group = groupOfRun.get(place);
  return group ? label(data.entrants[group.entrant].label) : label(run.strategy);
}

function drawerSections(run, group) {
  return [
    statusLine(run, group),
    section("Command", command(run)),
    section("Result", pairs(results(run))),
    section("Configuration", pairs(configuration(run))),
    section("Step time and phases, ms", pairs({ ...run.step_ms, ...prefixed("phase ", run.phases_ms) })),
    section("Memory, bytes", pairs({ ...run.model_bytes, "peak RSS of one rank": run.peak_rss_bytes, "PSS, all ranks": run.peak_pss_bytes })),
    section("Counters", pairs(run.counters)),
    section("Fingerprints", pairs(run.fingerprints)),
    section("Ranks", rankTable(run)),
    section("End of the log", run.log_tail ? make("pre", { tabindex: 0 }, visible(run.log_tail)) : null),
    environmentNote(),
  ].filter(Boolean);
}

function statusLine(run, group) {
  const reason = run.error ?? group?.unranked;
  const words = [make("span", { class: `verdict ${run.status === "ok" ? "sure" : "failed"}` }, run.status)];
  if (reason) words.push(" ", isolated(visible(reason)));
  for (const flag of run.flagged) words.push(make("span", { class: "flag" }, isolated(label(flag.text, 160))));
  return make("p", { class: "status" }, ...words);
}

function section(title, content) {
  return content ? make("section", {}, make("h3", {}, title), content) : null;
}

function prefixed(prefix, values) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [prefix + key, value]));
}

function results(run) {
  const names = ["examples_per_second", "auc", "best_auc", "logloss", "copc", "cpu_seconds_per_example", "background_cores", "parity", "parity_max", "examples", "steps", "seconds"];
  return Object.fromEntries(names.map((name) => [name.replaceAll("_", " "), run[name]]));
}

function configuration(run) {
  const names = ["case_id", "dataset", "strategy", "ranks", "processes", "threads", "batch_size", "warmup_steps", "repeat", "round", "attempt", "started"];
  const own = Object.fromEntries(names.map((name) => [name.replaceAll("_", " "), run[name]]));
  return { ...own, hosts: run.hosts.join(", "), ...prefixed("option ", run.options) };
}

function pairs(values) {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!known.length) return null;
  const shown = (value) => visible(typeof value === "object" ? JSON.stringify(value) : value);
  return make("dl", { class: "pairs" }, ...known.map(([key, value]) =>
    make("div", {}, make("dt", {}, isolated(visible(key))), make("dd", {}, isolated(shown(value))))));
}

function command(run) {
  if (!run.command) return null;
  const text = make("pre", { tabindex: 0 }, visible(run.command));
  const button = make("button", { type: "button", class: "quiet", "aria-live": "polite", onclick: () => copy(run.command, button) }, "Copy");
  return make("div", { class: "command" }, text, button);
}

// Where the clipboard is missing, refuses or does not answer, the text is selected and copied the old way; where that does
// not work either, it is left selected.
async function copy(text, button) {
  button.textContent = (await onClipboard(text)) || selected(button.previousElementSibling) ? "Copied" : "Selected: press Ctrl+C";
}

function onClipboard(text) {
  const patience = new Promise((resolve) => setTimeout(resolve, 800, false));
  const written = async () => {
    await navigator.clipboard.writeText(text);
    return true;
  };
  return Promise.race([written().catch(() => false), patience]);
}

function selected(element) {
  getSelection().selectAllChildren(element);
  return document.execCommand?.("copy") ?? false;
}

function rankTable(run) {
  const rows = data.ranks.rows[run.case_id] ?? [];
  if (!rows.length) return null;
  const used = data.ranks.fields.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== null && row[i] !== ""));
  const head = make("tr", {}, ...used.map((i) => make("th", { scope: "col" }, data.ranks.fields[i].replaceAll("_", " "))));
  const body = rows.map((row) => make("tr", {}, ...used.map((i) => make("td", {}, isolated(visible(row[i] ?? "–"))))));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Ranks" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function environmentNote() {
  const go = (event) => {
    event.preventDefault();
    drawer.close();
    document.getElementById("environment").scrollIntoView();
  };
  return make("p", { class: "note" }, make("a", { href: "#environment", onclick: go }, "Environment of the run"));
}

function startDrawer() {
  document.getElementById("drawer-close").addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
  drawer.addEventListener("close", () => {
    state.open = null;
    changed("case");
  });
}
