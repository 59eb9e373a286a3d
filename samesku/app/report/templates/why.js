// Why two listings match: how each piece of evidence moves the score, as a waterfall.
"use strict";

const MAX_STEPS = 8; // smaller ones are shown together

/** Steps [name, value] as [label, colour, value]: those of one label as one, the strongest first, the smallest together. */
function mergeSteps(steps) {
  const byLabel = new Map();
  for (const [name, value] of steps) {
    const label = evidenceLabel(name);
    if (!byLabel.has(label)) byLabel.set(label, [label, evidenceColour(name), 0]);
    byLabel.get(label)[2] += value;
  }
  const merged = [...byLabel.values()].filter(([, , value]) => Math.abs(value) >= 0.005).sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
  const rest = merged.slice(MAX_STEPS).reduce((sum, [, , value]) => sum + value, 0);
  return [...merged.slice(0, MAX_STEPS), ...(Math.abs(rest) >= 0.005 ? [["Everything else", "var(--muted)", rest]] : [])];
}

/**
 * A waterfall of `steps`, each [name, value], that begins at `base` and ends at their sum.
 *
 * A fused score is the sum of what each channel adds. The score of the pair model is a sum of log-odds, from `base`,
 * the log-odds before any evidence; `result` says what it becomes. `threshold` is a line in the last bar.
 */
function waterfall(steps, { base = null, threshold = null, name = "Score", result = "" } = {}) {
  const rows = [];
  let from = 0;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
  const add = (label, colour, value) => { rows.push({ label, colour, from, to: from + value, text: signed(value) }); from += value; };
  if (base) add(evidenceLabel("base"), "var(--muted)", base);
  for (const step of mergeSteps(steps)) add(...step);
  const sum = steps.reduce((total, [, value]) => total + value, base ?? 0); // with the steps too small for a bar
  rows.push({ label: name, colour: "var(--text)", from: 0, to: sum, text: result || sum.toFixed(2), total: true });
  const places = rows.flatMap((row) => [row.from, row.to]).concat(threshold ?? 0, base === null ? 1 : 0);
  const [low, high] = [Math.min(0, ...places), Math.max(...places)];
  const place = (value) => (value - low) / (high - low || 1);
  const sentence = rows.map((row) => `${row.label} ${row.text}`).join(", ");
  return element("div", { className: "why", role: "img", "aria-label": sentence }, rows.flatMap((row) => {
    const total = row.total ? " why-total" : "";
    return [
      element("span", { className: `why-label${total}` }, element("i", { style: { background: row.colour } }), row.label),
      element("span", { className: "why-track" },
        element("i", { style: { left: barWidth(place(Math.min(row.from, row.to))), width: barWidth(Math.abs(place(row.to) - place(row.from))), background: row.colour } }),
        low < 0 ? element("u", { style: { left: barWidth(place(0)) } }) : null,
        row.total && threshold !== null ? element("b", { title: `threshold ${threshold.toFixed(2)}`, style: { left: barWidth(place(threshold)) } }) : null),
      element("span", { className: `why-value${total}` }, row.text)];
  }));
}

/** The waterfall of the pair model: its reasons [family, log-odds], from `base` to the probability `score`. */
function whyReasons(reasons, score) {
  const base = reasons.find(([family]) => family === "base")?.[1] ?? 0;
  const result = typeof score === "number" ? `probability ${score.toFixed(2)}` : "";
  return element("div", {}, waterfall(reasons.filter(([family]) => family !== "base"), { base, name: "Together", result }),
    element("p", { className: "note" }, "Bars are log-odds of the pair model: to the right speaks for one product, to the left against it."));
}

/**
 * Why the server takes two listings for one product or not: what each channel adds to the score, or the reasons of the
 * pair model; and how similar the two are.
 */
function whyBars({ channels, threshold, score, reasons = [] }) {
  const both = Object.entries(channels).filter(([, { similarity }]) => similarity !== null);
  const missing = Object.keys(channels).filter((name) => channels[name].similarity === null).map(evidenceLabel);
  const similar = both.map(([name, { similarity }]) => `${evidenceLabel(name)} ${similarity.toFixed(2)}`).join(" · ");
  const steps = both.map(([name, { similarity, weight }]) => [name, similarity * weight]);
  const bars = reasons.length ? whyReasons(reasons, score) : steps.length ? waterfall(steps, { threshold }) : null;
  return element("div", {}, bars,
    element("p", { className: "note" }, similar ? `Similarities, 1 for equal: ${similar}.` : "", missing.length ? ` Not in both listings: ${missing.join(", ")}.` : ""));
}
