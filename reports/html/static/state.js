// What is shown: the records, the filters, the setting in focus, the open case and the theme.
// All of it lives in the address after '#', so that a link shows the same page.

const data = await unpack(document.getElementById("payload").textContent);
const runs = data.runs.rows.map((row) => Object.fromEntries(data.runs.fields.map((name, i) => [name, row[i]])));
const placeOf = new Map(runs.map((run, place) => [run, place]));
const unique = (values) => [...new Set(values)];

const choices = {
  data: unique(data.settings.map((setting) => setting.data)),
  ranks: unique(data.settings.map((setting) => setting.ranks)).sort((a, b) => a - b),
  strategy: unique(data.entrants.map((entrant) => entrant.strategy)),
  ...Object.fromEntries(data.options.map((option) => [option.name, [...Array(option.count).keys()]])),
};
const dimensions = Object.keys(choices);

// A filter is the set of chosen positions in its list of choices.
const state = { filters: {}, focus: data.focus, open: null, theme: "auto" };
const listeners = [];
const onChange = (listener) => listeners.push(listener);
const allChosen = (name) => state.filters[name].size === choices[name].length;

function resetFilters() {
  for (const name of dimensions) state.filters[name] = new Set(choices[name].keys());
}

function traits(group) {
  const setting = data.settings[group.setting];
  const entrant = data.entrants[group.entrant];
  const options = Object.fromEntries(data.options.map((option) => [option.name, option.of[group.entrant]]));
  return { data: setting.data, ranks: setting.ranks, strategy: entrant.strategy, ...options };
}

// An option that a strategy does not have hides nothing of it.
function chosen(name, value) {
  return value === null || state.filters[name].has(choices[name].indexOf(value));
}

function passes(group, ignore = []) {
  const has = traits(group);
  return dimensions.every((name) => ignore.includes(name) || chosen(name, has[name]));
}

function settingPasses(index) {
  const setting = data.settings[index];
  return chosen("data", setting.data) && chosen("ranks", setting.ranks);
}

// The focus follows the filters: a setting that they hide is not shown in detail.
function focusIndex() {
  const visible = data.groups.filter((group) => passes(group)).map((group) => group.setting);
  return visible.includes(state.focus) || !visible.length ? state.focus : visible[0];
}

const groupOfRun = new Map();
data.groups.forEach((group) => group.runs.forEach((place) => groupOfRun.set(place, group)));
const settingOfCeiling = new Map(data.ceilings);

function runPasses(place) {
  const group = groupOfRun.get(place);
  if (group) return passes(group);
  return !settingOfCeiling.has(place) || settingPasses(settingOfCeiling.get(place));
}

function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  resetFilters();
  for (const name of dimensions) {
    if (!given.has(name)) continue;
    const wanted = given.get(name).split(",").map(Number).filter((i) => i >= 0 && i < choices[name].length);
    if (wanted.length) state.filters[name] = new Set(wanted);
  }
  const focus = Number(given.get("focus") ?? data.focus);
  state.focus = data.settings[focus] ? focus : data.focus;
  state.open = given.get("case");
  state.theme = ["light", "dark"].includes(given.get("theme")) ? given.get("theme") : "auto";
}

function writeHash() {
  const out = new URLSearchParams();
  for (const name of dimensions) if (!allChosen(name)) out.set(name, [...state.filters[name]].sort((a, b) => a - b).join(","));
  if (state.focus !== data.focus) out.set("focus", state.focus);
  if (state.open !== null) out.set("case", state.open);
  if (state.theme !== "auto") out.set("theme", state.theme);
  const hash = out.toString().replaceAll("%2C", ",");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function changed(what) {
  writeHash();
  for (const listener of listeners) listener(what);
}

// JSON, gzipped, in base64.
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// An element with attributes and children. Children are text or elements, so text from records is never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Control and direction-changing characters are written out, as the Python side does.
function visible(text) {
  return String(text).replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, (c) => `<U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

function label(text, length = 72) {
  const line = visible(String(text).slice(0, 4 * length)).replace(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

function isolated(text) {
  return make("bdi", {}, text);
}

const symbolPaths = {
  circle: "M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
  diamond: "M6 1L11 6L6 11L1 6z",
  square: "M2.2 2.2h7.6v7.6h-7.6z",
  "triangle-up": "M6 1.5L11 10H1z",
  cross: "M4.5 1h3v3.5H11v3H7.500V11h-3V7.500H1v-3h3.500z",
  "triangle-down": "M6 10.500L11 2H1z",
  stroke: "M5.200 .5h1.600v11H5.200z",
  dotted: "M0 5.300h2.400v1.400H0zM4.800 5.300h2.400v1.400H4.800zM9.600 5.300H12v1.400H9.600z",
  unfinished: "M2 3L3 2L6 5L9 2L10 3L7 6L10 9L9 10L6 7L3 10L2 9L5 6z",
  pentagon: "M6 1L11 4.700L9 10.500H3L1 4.700z",
  star: "M6 .8L7.500 4.500L11.400 4.700L8.400 7.200L9.400 11L6 8.900L2.600 11L3.600 7.200L.6 4.700L4.500 4.500z",
};

// A dotted symbol has a hole in the middle.
const hole = "M6 4.800a1.200 1.200 0 1 0 0 2.400a1.200 1.200 0 1 0 0-2.400z";

function symbol(shape, ink) {
  const [plain, dotted] = [shape.replace("-dot", ""), shape.endsWith("-dot")];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", (symbolPaths[plain] ?? symbolPaths.square) + (dotted ? hole : ""));
  path.setAttribute("fill-rule", "evenodd");
  path.setAttribute("fill", `var(--${ink})`);
  svg.append(path);
  return svg;
}
