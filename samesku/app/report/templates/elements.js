// Shared by the report and the web page. Titles are untrusted: all text is put in as text, never as markup.
"use strict";

/**
 * An element with properties, attributes (data-*, aria-*, role), styles (an object) and children.
 * Strings become text; null, undefined and "" are left out.
 */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "style") for (const [name, setting] of Object.entries(value)) made.style.setProperty(name, setting);
    else if (/^(data|aria)-|^role$/.test(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/**
 * Rows of things of these widths, as many side by side as fit, in their order; each row is a list of places.
 * What is left of a row goes to a thing that fits, past at most `ahead` that do not.
 */
function packRows(widths, width, gap, ahead = 0) {
  const packed = new Uint8Array(widths.length);
  const rows = [];
  for (let i = 0; i < widths.length; i += 1) {
    if (packed[i]) continue;
    const row = [i];
    let left = width - widths[i] - gap;
    for (let [j, passed] = [i + 1, 0]; j < widths.length && passed <= ahead; j += 1) {
      if (packed[j]) continue;
      if (widths[j] > left) { passed += 1; continue; }
      row.push(j);
      packed[j] = 1;
      left -= widths[j] + gap;
    }
    rows.push(row);
  }
  return rows;
}

/** How many further pictures a listing has, on its picture; null for none. */
function furtherCount(count) {
  return count ? element("span", { className: "further-count", title: `${count} further ${count === 1 ? "picture" : "pictures"}` }, `+${count}`) : null;
}

/** The further pictures of a listing in a row; null for none. */
function furtherPictures(sources) {
  return sources.length ? element("div", { className: "further-pictures" }, sources.map((src) => element("img", { src, alt: "", loading: "lazy" }))) : null;
}

/** A title with its [start, stop] places marked. Places count code points, as Python does. */
function markedTitle(title, places) {
  const characters = Array.from(title);
  const parts = [];
  let last = 0;
  for (const [start, stop] of [...places].sort((a, b) => a[0] - b[0])) {
    if (start < last) continue;
    parts.push(characters.slice(last, start).join(""), element("mark", {}, characters.slice(start, stop).join("")));
    last = stop;
  }
  return [...parts, characters.slice(last).join("")];
}

/** The places of all conflicts in the title of one side: "left" or "right". */
const conflictPlaces = (conflicts, side) => (conflicts ?? []).flatMap((conflict) => conflict[side]);

/** A chip for each conflict of two titles: 500 ml ≠ 250 ml. */
function conflictChips(conflicts, left, right) {
  const passages = (title, places) => places.map(([start, stop]) => Array.from(title).slice(start, stop).join("")).join(", ");
  return conflicts.map((conflict) =>
    element("span", { className: "chip" }, `${passages(left, conflict.left)} ≠ ${passages(right, conflict.right)}`));
}

/** A chip for each attribute that agrees (equal GTIN …) or contradicts (brand Acme ↔ Bosch). */
function attributeChips(attributes) {
  return (attributes ?? []).map(({ text, equal }) => element("span", { className: equal ? "chip up" : "chip" }, text));
}

const evidenceNames = JSON.parse(document.getElementById("evidence-names")?.textContent ?? "{}");
/** What a channel or a family of features is called: {label, colour}. */
const evidenceName = (name) => evidenceNames[name] ?? { label: name, colour: 7 };
const evidenceLabel = (name) => evidenceName(name).label;
const evidenceColour = (name) => `var(--evidence-${evidenceName(name).colour})`;
const barWidth = (share) => `${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%`;

/** The entries of a legend: the colour and the label of each name. */
const legendEntries = (names, after = () => null) => names.map((name) =>
  element("span", { className: "legend-entry", title: name }, element("i", { style: { background: evidenceColour(name) } }), evidenceLabel(name), after(name)));
