// What leaves the page: rows as CSV and JSON, figures as SVG and PNG. Made here, from what is shown.

function save(content, type, name) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const fileName = (suffix) => `${(data.name || "wideload").replace(/[^\w.-]+/g, "-").slice(0, 80)}-${suffix}`;

function flatRun(run) {
  const out = {};
  for (const [key, value] of Object.entries(run)) {
    if (value !== null && typeof value === "object" && !Array.isArray(value) && key !== "options") {
      for (const [inner, entry] of Object.entries(value)) out[`${key}.${inner}`] = entry;
    } else out[key] = value;
  }
  return out;
}

// A spreadsheet would run text that starts like a formula: an apostrophe keeps it text.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  let text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(rows) {
  const names = unique(rows.flatMap((row) => Object.keys(row)));
  return [names.map(csvCell), ...rows.map((row) => names.map((name) => csvCell(row[name])))].map((cells) => cells.join(",")).join("\r\n") + "\r\n";
}

function downloadCsv() {
  save(csv(visibleRuns().map((place) => flatRun(runs[place]))), "text/csv;charset=utf-8", fileName("cases.csv"));
}

function downloadJson() {
  save(JSON.stringify(visibleRuns().map((place) => runs[place]), null, 2), "application/json", fileName("cases.json"));
}

async function downloadFigure(figure, format, title) {
  const { traces, layout } = view(figure, 900);
  if (!traces.length) return;
  const height = (layout.height ?? 340) + 90;
  const page = { ...layout, width: 900, height, autosize: false, showlegend: true, paper_bgcolor: css("page") };
  page.legend = { orientation: "h", y: 1, yanchor: "bottom", x: 0, itemsizing: "constant" };
  page.title = { text: escaped(title), x: 0, xref: "paper", font: { size: 16 } };
  page.margin = { ...layout.margin, t: 90 };
  const once = new Set();
  const named = traces.map((trace) => ({ ...trace, showlegend: !once.has(trace.name) && Boolean(once.add(trace.name)) }));
  const address = await Plotly.toImage({ data: named, layout: page }, { format, width: 900, height, scale: format === "png" ? 2 : 1 });
  make("a", { href: address, download: fileName(`${figure.id}.${format}`) }).click();
}

function startDownloads() {
  document.getElementById("download-csv").addEventListener("click", downloadCsv);
  document.getElementById("download-json").addEventListener("click", downloadJson);
}
