// Names next to the points of a scatter plot, which cover neither each other nor a point.

const LABEL_HEIGHT = 14;
const LETTER_WIDTH = 6.2;
const POINT = 14;

// Distances to try, in pixels: next to the point first, then further and further up and down.
const SHIFTS = [0, ...Array.from({ length: 12 }, (_, i) => (i % 2 ? -1 : 1) * 15 * (Math.floor(i / 2) + 1))];

// Turns the text of traces into annotations. Fixes the ranges of both axes, so that places in pixels are known.
function labelPoints(layout, traces) {
  const points = traces.filter((trace) => trace.text);
  if (!points.length) return;
  const x = scale(layout.xaxis, points.map((trace) => trace.x[0]), layout.width - layout.margin.l - layout.margin.r);
  const y = scale(layout.yaxis, points.map((trace) => trace.y[0]), layout.height - layout.margin.t - layout.margin.b);
  const places = points.map((trace) => ({ trace, x: x.pixel(trace.x[0]), y: y.pixel(trace.y[0]) }));
  const taken = places.map((place) => ({ left: place.x - POINT / 2, right: place.x + POINT / 2, low: place.y - POINT / 2, high: place.y + POINT / 2 }));
  layout.annotations = places.sort((a, b) => a.y - b.y).map((place) => annotation(place, x.length, y.length, taken));
  for (const trace of points) trace.mode = "markers";
}

// Sets an axis to a range with some space at its ends; `pixel` is the distance of a value from the start of the axis.
function scale(axis, values, length) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.08 * (axis.rangemode === "tozero" ? high : high - low || Math.abs(high) || 1);
  axis.range ??= axis.rangemode === "tozero" ? [0, high + margin] : [low - margin, high + margin];
  const [start, end] = axis.range;
  return { length, pixel: (value) => ((value - start) / (end - start)) * length };
}

function annotation(place, width, height, taken) {
  const wide = plain(place.trace.text[0]).length * LETTER_WIDTH;
  const spots = sides(place, wide, width).flatMap((side) => SHIFTS.map((shift) => spot(place, wide, side, shift)));
  const fits = (each) => each.low >= 0 && each.high <= height && !taken.some((other) => overlap(each, other));
  const found = spots.filter(fits).sort((a, b) => Math.abs(a.shift) - Math.abs(b.shift))[0] ?? spots[0];
  taken.push(found);
  return {
    x: place.trace.x[0], y: place.trace.y[0], text: place.trace.text[0], xanchor: found.side > 0 ? "left" : "right", yanchor: "middle",
    showarrow: true, arrowhead: 0, arrowwidth: found.shift ? 1 : 0.1, arrowcolor: css("rule"), standoff: 8,
    ax: found.side * (POINT / 2 + 4), ay: -found.shift, font: { size: 12, color: css("ink") },
  };
}

// 1: to the right of the point, -1: to the left. The side with more space comes first.
function sides(place, wide, width) {
  const order = place.x > width / 2 ? [-1, 1] : [1, -1];
  const inside = order.filter((side) => (side > 0 ? place.x + wide + POINT < width : place.x - wide - POINT > 0));
  return inside.length ? inside : order.slice(0, 1);
}

function spot(place, wide, side, shift) {
  const start = place.x + side * (POINT / 2 + 4);
  const [left, right] = side > 0 ? [start, start + wide] : [start - wide, start];
  return { side, shift, left, right, low: place.y + shift - LABEL_HEIGHT / 2, high: place.y + shift + LABEL_HEIGHT / 2 };
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.low < b.high && b.low < a.high;
}
