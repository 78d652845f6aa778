// Wires the page: filters, focus, theme, address, printing.

const root = document.documentElement;
const filterForm = document.getElementById("filters");
const themeButton = document.getElementById("theme");
const focusSelect = document.getElementById("focus");

function showTheme() {
  if (state.theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = state.theme;
  themeButton.textContent = `Theme: ${state.theme}`;
}

function showFilters() {
  for (const box of filterForm?.querySelectorAll("input") ?? []) box.checked = state.filters[box.name].has(Number(box.value));
  if (focusSelect) {
    focusSelect.value = String(focusIndex());
    for (const option of focusSelect.options) option.disabled = !data.groups.some((group) => group.setting === Number(option.value) && passes(group));
  }
  for (const row of document.querySelectorAll("[data-setting]")) row.classList.toggle("in-focus", Number(row.dataset.setting) === focusIndex());
}

// Unchecking the last choice of a filter would leave nothing to see: it chooses all again.
function filterChanged(event) {
  const box = event.target;
  if (box.type !== "checkbox") return;
  const picked = state.filters[box.name];
  if (box.checked) picked.add(Number(box.value));
  else picked.delete(Number(box.value));
  if (!picked.size) for (const i of choices[box.name].keys()) picked.add(i);
  changed("filters");
}

function setFocus(index) {
  state.focus = index;
  changed("focus");
}

function nextTheme() {
  state.theme = { auto: "light", light: "dark", dark: "auto" }[state.theme];
  changed("theme");
}

function follow(what) {
  if (what === "theme" || what === "all") showTheme();
  if (what !== "case") {
    showFilters();
    refreshFigures();
  }
  if (what === "filters" || what === "all") refreshCases();
  if (what === "case" || what === "all") showDrawer();
}

function jump(event) {
  const target = document.querySelector(event.currentTarget.getAttribute("href"));
  if (!target) return;
  event.preventDefault();
  target.setAttribute("tabindex", "-1");
  target.scrollIntoView();
  target.focus({ preventScroll: true });
}

// Paper is light, whatever the screen is, and has every figure.
function printing(on) {
  if (on) root.dataset.theme = "light";
  else showTheme();
  drawAll();
}

function later(action, wait) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };
}

function start() {
  readHash();
  showTheme();
  for (const key of document.querySelectorAll("[data-entrant].key")) {
    const entrant = data.entrants[Number(key.dataset.entrant)];
    key.append(symbol(entrant.symbol, entrant.ink));
  }
  showFilters();
  startDrawer();
  startFigures();
  startCases();
  startDownloads();
  onChange(follow);
  themeButton.addEventListener("click", nextTheme);
  filterForm?.addEventListener("change", filterChanged);
  filterForm?.addEventListener("submit", (event) => event.preventDefault());
  focusSelect?.addEventListener("change", () => setFocus(Number(focusSelect.value)));
  document.getElementById("reset")?.addEventListener("click", () => {
    resetFilters();
    state.focus = data.focus;
    changed("filters");
  });
  for (const button of document.querySelectorAll("[data-focus]")) button.addEventListener("click", () => {
    setFocus(Number(button.dataset.focus));
    document.getElementById("figures")?.scrollIntoView();
  });
  for (const link of document.querySelectorAll("nav a, .skip")) link.addEventListener("click", jump);
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    readHash();
    follow("all");
  });
  window.addEventListener("resize", later(refreshFigures, 150));
  window.addEventListener("beforeprint", () => printing(true));
  window.addEventListener("afterprint", () => printing(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refreshFigures);
  if (state.open !== null) showDrawer();
}

start();
