// Draws the figures: filters their points, lays out rows, colours by theme. Computes no statistic.

const figures = new Map(data.figures.map((figure) => [figure.id, figure]));
const boxes = [...document.querySelectorAll("[data-figure]")];
const ROWS = 24;
const expanded = new Set();
const narrow = () => window.innerWidth < 620;
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function matchesFocus(when = {}) {
  const index = focusIndex();
  const focus = { ...data.settings[index], setting: index };
  return Object.entries(when).every(([key, value]) => focus[key] === value);
}

function pick(values, kept) {
  return Array.isArray(values) ? kept.map((i) => values[i]) : values;
}

// The part of a trace that passes the filters, or null.
function visibleTrace(trace, ignore) {
  const meta = trace.meta ?? {};
  if (!matchesFocus(meta.when)) return null;
  const caseAt = (i) => meta.case ?? trace.customdata?.[i];
  const shown = (i) => (!caseAt(i) || passes(data.groups[caseAt(i)[0]], ignore)) && (!meta.settings || settingPasses(meta.settings[i]));
  const out = { ...trace, marker: { ...trace.marker }, line: trace.line && { ...trace.line } };
  keepPoints(out, shown);
  if (!out.x.length) return null;
  if (trace.hovertext) out.hovertemplate = "%{hovertext}<extra></extra>";
  return inked(out);
}

function inked(trace) {
  const colour = css(trace.meta?.ink ?? "muted");
  trace.marker.color = colour;
  if (trace.marker.line) trace.marker.line = { ...trace.marker.line, color: colour };
  if (trace.type === "bar") trace.marker.line = { width: 1, color: css("page") };
  if (trace.line) trace.line.color = colour;
  for (const name of ["error_x", "error_y"]) if (trace[name]) trace[name].color = colour;
  return trace;
}

function stretch(traces) {
  const ends = traces.filter((trace) => !trace.meta?.across).flatMap((trace) => trace.x);
  for (const trace of traces) if (trace.meta?.across) trace.x = [0, Math.max(...ends)];
}

// Replaces indices on the y axis by rows, one below the other. Settings hold their entrants side by side, unless there
// is only one setting to show: then every entrant has a row of its own.
function layRows(figure, traces, layout) {
  const entrants = unique(traces.filter((t) => !t.meta.undodged).map((t) => t.meta.entrant)).sort((a, b) => a - b);
  const settings = unique(traces.flatMap((trace) => trace.y)).sort((a, b) => a - b);
  const perEntrant = figure.rows === "settings" && settings.length === 1 && entrants.length > 1;
  const all = perEntrant ? entrants : settings;
  const indices = expanded.has(figure.id) ? all : all.slice(0, ROWS);
  layout.rowsHidden = all.length - indices.length;
  const names = indices.map((i) => (figure.rows === "settings" && !perEntrant ? data.settings : data.entrants)[i].label);
  const lanes = figure.rows === "settings" && !perEntrant ? entrants : [];
  if (perEntrant) traces.forEach((trace) => rowsOfEntrants(trace, entrants));
  for (const trace of traces) {
    if (layout.rowsHidden) keepPoints(trace, (i) => indices.includes(trace.y[i]));
    trace.rows = trace.y.map((i) => names[indices.indexOf(i)]);
    trace.y = trace.y.map((i) => indices.indexOf(i) + lane(trace, lanes) + (narrow() ? 0.12 : 0));
    if (trace.type === "bar") trace.width = 0.56;
  }
  const rowHeight = Math.max(34, 11 * lanes.length + 10) + (narrow() ? 22 : 0);
  layout.height = 62 + rowHeight * indices.length;
  layout.yaxis = {
    ...layout.yaxis, range: [indices.length - 0.5, -0.5], tickmode: "array", showgrid: false, zeroline: false, ticks: "",
    tickvals: [...indices.keys()], ticktext: names.map((name) => (narrow() ? "" : escaped(label(name, 44)))),
  };
  layout.shapes = [...(layout.shapes ?? []), ...rowLines(indices.length)];
  if (narrow()) layout.annotations = names.map((name, i) => rowLabel(name, i));
}

function keepPoints(trace, wanted) {
  const kept = [...trace.x.keys()].filter(wanted);
  for (const name of ["x", "y", "text", "hovertext", "customdata"]) if (trace[name]) trace[name] = pick(trace[name], kept);
  for (const name of ["symbol", "size"]) trace.marker[name] = pick(trace.marker[name], kept);
  for (const name of ["error_x", "error_y"]) {
    const error = trace[name];
    if (error) trace[name] = { ...error, array: pick(error.array, kept), arrayminus: pick(error.arrayminus, kept) };
  }
}

function lane(trace, lanes) {
  if (trace.meta.undodged || lanes.length < 2) return 0;
  return (lanes.indexOf(trace.meta.entrant) - (lanes.length - 1) / 2) * Math.min(0.17, 0.72 / lanes.length);
}

// A trace of no entrant, such as a ceiling, stands in every row.
function rowsOfEntrants(trace, entrants) {
  if (!trace.meta.undodged) trace.y = trace.y.map(() => trace.meta.entrant);
  else for (const name of ["x", "hovertext"]) trace[name] = entrants.map(() => trace[name][0]);
  if (trace.meta.undodged) trace.y = entrants;
}

function rowLines(count) {
  const line = { color: css("line"), width: 1 };
  return Array.from({ length: count - 1 }, (_, i) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: i + 0.5, y1: i + 0.5, line, layer: "below" }));
}

function rowLabel(name, i) {
  return { xref: "paper", x: 0, y: i - 0.5, xanchor: "left", yanchor: "top", showarrow: false, text: escaped(label(name, 44)), font: { size: 11 } };
}

function styledAxis(own = {}) {
  return {
    automargin: true, fixedrange: true, gridcolor: css("line"), zerolinecolor: css("rule"), linecolor: css("rule"),
    tickfont: { size: 11 }, ...own, title: { font: { size: 12, color: css("quiet") }, standoff: 10, ...own.title },
  };
}

function layoutOf(figure, width) {
  const shapes = figure.layout.shapes?.map((shape) => ({ ...shape, line: { ...shape.line, color: css("quiet") } }));
  return {
    ...figure.layout, ...(shapes && { shapes }), width, height: 340, showlegend: false, autosize: false, dragmode: false, bargap: 0.3,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: narrow() ? 44 : 56, r: 18, t: 12, b: 48 },
    font: { family: css("font"), size: 12, color: css("ink") }, hovermode: "closest",
    hoverlabel: { bgcolor: css("raised"), bordercolor: css("rule"), font: { family: css("font"), size: 12, color: css("ink") }, align: "left" },
    xaxis: styledAxis(figure.layout.xaxis), yaxis: styledAxis(figure.layout.yaxis),
  };
}

// What a figure shows now: plotly traces and layout.
function view(figure, width) {
  const traces = figure.data.map((trace) => visibleTrace(trace, figure.ignore)).filter(Boolean);
  const layout = layoutOf(figure, width);
  if (figure.rows) {
    layout.margin.l = narrow() ? 12 : layout.margin.l;
    layRows(figure, traces, layout);
  }
  stretch(traces);
  widen(layout, traces, figure.leastSpan);
  labelPoints(layout, traces);
  const real = traces.some(hasCase);
  return { traces: real ? traces : [], layout };
}

const hasCase = (trace) => Boolean(trace.customdata || trace.meta.case);
const caseOf = (trace, i) => (trace.meta.case ?? trace.customdata?.[i])?.[1];

// Keeps noise from filling the axis.
function widen(layout, traces, least) {
  const values = traces.filter(hasCase).flatMap((trace) => trace.x);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (least && high - low < least) layout.xaxis.range = [(low + high - least) / 2, (low + high + least) / 2];
}

function legend(figure, traces) {
  if (!figure.legend) return [];
  const seen = new Map();
  for (const trace of traces) {
    const shape = trace.meta.shape ?? (trace.meta.entrant === undefined ? "square" : data.entrants[trace.meta.entrant].symbol);
    if (!seen.has(trace.name)) seen.set(trace.name, make("span", {}, symbol(shape, trace.meta.ink), isolated(plain(trace.name))));
  }
  return [...seen.values()];
}

// Trace names are escaped for plotly; here they become text again.
function plain(name) {
  return name.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function draw(box) {
  const figure = figures.get(box.dataset.figure);
  const plot = box.querySelector(".plot");
  const { traces, layout } = view(figure, plot.clientWidth);
  box.classList.toggle("nothing", !traces.length);
  box.dataset.points = traces.reduce((sum, trace) => sum + trace.x.length, 0);
  showMoreRows(box, layout.rowsHidden);
  box.querySelector(".legend").replaceChildren(...legend(figure, traces));
  delete box.dataset.stale;
  if (!traces.length) return Plotly.purge(plot);
  plot.style.height = `${layout.height}px`;
  const drawn = Plotly.react(plot, traces, layout, { displayModeBar: false, displaylogo: false, responsive: false, doubleClick: false });
  if (!box.dataset.bound) plot.on("plotly_click", (event) => openRun(caseOf(event.points[0].data, event.points[0].pointNumber)));
  box.dataset.bound = "yes";
  const table = box.querySelector(".figure-table");
  if (!table.hidden) fillFigureTable(figure, table);
  return drawn;
}

function showMoreRows(box, hidden) {
  const button = box.querySelector("[data-action=rows]");
  button.hidden = !hidden;
  button.textContent = `${hidden} more rows`;
}

function near(box) {
  const place = box.getBoundingClientRect();
  return place.bottom > -400 && place.top < window.innerHeight + 400;
}

function refreshFigures() {
  for (const mark of document.querySelectorAll("[data-focus-label]")) mark.textContent = label(data.settings[focusIndex()]?.label ?? "");
  for (const box of boxes) {
    box.dataset.stale = "yes";
    if (near(box) || box === boxes[0]) draw(box);
  }
}

function drawAll() {
  for (const box of boxes) draw(box);
}

function startFigures() {
  for (const box of boxes) {
    box.querySelector("figcaption").append(make("div", { class: "legend" }));
    box.dataset.stale = "yes";
    for (const button of box.querySelectorAll("[data-action]")) button.addEventListener("click", () => figureAction(box, button));
  }
  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting && entry.target.dataset.stale).forEach((entry) => draw(entry.target)),
    { rootMargin: "400px" },
  );
  boxes.forEach((box) => observer.observe(box));
  refreshFigures();
}

function figureAction(box, button) {
  const figure = figures.get(box.dataset.figure);
  if (button.dataset.action === "rows") {
    expanded.add(figure.id);
    return draw(box);
  }
  if (button.dataset.action !== "table") return downloadFigure(figure, button.dataset.action, box.querySelector("h4").firstChild.textContent.trim());
  const table = box.querySelector(".figure-table");
  table.hidden = !table.hidden;
  button.setAttribute("aria-expanded", String(!table.hidden));
  if (!table.hidden) fillFigureTable(figure, table);
}

function fillFigureTable(figure, holder) {
  const { traces, layout } = view(figure, 600);
  const titles = [figure.rows ? "Row" : layout.yaxis.title.text, layout.xaxis.title.text].map((title) => plain(title ?? ""));
  const head = make("tr", {}, ...["Series", ...titles, "Low to high", ""].map((text) => make("th", { scope: "col" }, text)));
  const rows = traces.flatMap((trace) => trace.x.map((x, i) => figureRow(trace, x, i)));
  holder.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.slice(0, 400))));
  if (rows.length > 400) holder.append(make("p", { class: "note" }, `${rows.length - 400} more points; narrow the filters to see them.`));
}

function figureRow(trace, x, i) {
  const error = trace.error_x?.array ? [trace.error_x, x] : trace.error_y?.array ? [trace.error_y, trace.y[i]] : null;
  const spread = error && (error[0].array[i] || error[0].arrayminus[i])
    ? `${number(error[1] - error[0].arrayminus[i])} to ${number(error[1] + error[0].array[i])}` : "";
  const place = caseOf(trace, i);
  const open = place === undefined ? null : make("button", { type: "button", class: "link", onclick: () => openRun(place) }, "Open case");
  const cells = [isolated(plain(trace.name)), isolated(trace.rows ? label(trace.rows[i]) : number(trace.y[i])), number(x), spread, open];
  return make("tr", {}, ...cells.map((cell, column) => make("td", { class: column > 1 && column < 4 ? "number" : null }, cell)));
}

function number(value) {
  if (typeof value !== "number") return value ?? "–";
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(5)));
}
