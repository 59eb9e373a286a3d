// How a query of the gallery and its cards look.
"use strict";
const gallery = JSON.parse(document.getElementById("gallery-data").textContent);
const CARDS_PER_QUERY = 12; // the rest opens by a button
const WIDTH = { query: 238, card: 148, gap: 12 }; // pixels, as in page.css

function listing(number) {
  const [id, title, split, productSize, source] = gallery.listings[number];
  return { id, title, split, productSize, source };
}

function picture(number) {
  const [src] = pictureSources(number);
  return [
    src ? element("img", { src, alt: "", decoding: "async" }) : element("span", { className: "no-picture" }, "no picture"),
    furtherCount(gallery.listings[number][5])];
}

/** [channel, cosine or null, contribution to the score or null] for each channel. */
function contributions(card) {
  const rows = gallery.channels.map((channel, i) => [channel, card.cosines?.[i] ?? null]);
  const total = rows.reduce((sum, [channel, cosine]) => sum + (cosine === null ? 0 : channel.weight ?? 0), 0);
  return rows.map(([channel, cosine]) => [channel, cosine, cosine === null || !total ? null : (channel.weight * cosine) / total]);
}

/** One bar of what each channel contributes to the score; without weights, a bar for each channel's similarity. */
function channelBars(card) {
  if (!card.cosines) return null;
  const rows = contributions(card);
  const weighted = rows.some(([, , contribution]) => contribution !== null);
  const title = rows
    .filter(([, cosine]) => cosine !== null)
    .map(([channel, cosine, contribution]) => `${evidenceLabel(channel.name)} ${cosine.toFixed(2)}${contribution ? ` (adds ${contribution.toFixed(2)})` : ""}`)
    .join(", ");
  const bars = rows.map(([channel, cosine, contribution]) => {
    const value = weighted ? contribution : cosine;
    return value === null || (weighted && value <= 0) ? null : element("i", { style: { width: barWidth(value), background: evidenceColour(channel.name) } });
  });
  return element("span", { className: weighted ? "stacked-bar" : "bars", title, role: "img", "aria-label": title }, bars);
}

const twoDecimals = (value) => (value === undefined || value === null ? "–" : value.toFixed(2));

/** The two strongest reasons of the pair model. */
function reasonChips(reasons) {
  const moves = gallery.families.map((family, i) => [family, reasons[i]]).filter(([family]) => family !== "base");
  return mergeSteps(moves).slice(0, 2).map(([label, , value]) =>
    element("span", { className: value > 0 ? "chip up" : "chip down" }, `${label} ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`));
}

function makeCard(query, card) {
  const { title, source } = listing(card.listing);
  const [label, tone] = gallery.kinds[card.kind];
  const score = gallery.systems
    ? `${twoDecimals(card.score_before)} → ${twoDecimals(card.score)}`
    : card.score === undefined ? null : card.score.toFixed(2);
  const made = element("button", { type: "button", className: `card ${tone}`, "data-kind": card.kind },
    element("span", { className: "picture" }, picture(card.listing)),
    element("span", { className: "kind" }, element("b", {}, label), element("span", { className: "score", title: gallery.score }, score)),
    element("span", { className: "title", title, dir: "auto" }, title ? markedTitle(title, conflictPlaces(card.conflicts, "right")) : element("em", {}, "no title")),
    source && element("span", { className: "id" }, source),
    channelBars(card),
    card.conflicts && element("span", { className: "chips" }, conflictChips(card.conflicts, listing(query.query).title, title)),
    card.attributes && element("span", { className: "chips" }, attributeChips(card.attributes)),
    card.reasons && element("span", { className: "chips" }, reasonChips(card.reasons)),
    card.review && element("span", { className: "chip info" }, "clerical review"));
  made.addEventListener("click", () => showEvidence(query, card));
  return made;
}

/** Cards side by side, the first CARDS_PER_QUERY of them; a button shows the rest. */
function cardGrid(query, cards) {
  const nShown = cards.length > CARDS_PER_QUERY + 3 ? CARDS_PER_QUERY : cards.length;
  const grid = element("div", { className: "cards" }, cards.slice(0, nShown).map((card) => makeCard(query, card)));
  const rest = cards.slice(nShown);
  if (rest.length) {
    const more = element("button", { type: "button", className: "more" }, `${rest.length} more`);
    more.addEventListener("click", () => { more.replaceWith(...rest.map((card) => makeCard(query, card))); });
    grid.append(more);
  }
  return grid;
}

/** What the second system wins and what it loses, side by side, and below it what neither changes. */
function wonAndLost(query, cards) {
  const part = (name, tones) => {
    const of = cards.filter((card) => tones.includes(gallery.kinds[card.kind][1]));
    return of.length ? element("div", { style: { "--cards": of.length } }, element("h3", { className: "note" }, `${name} (${of.length})`), cardGrid(query, of)) : null;
  };
  return element("div", { className: "won-and-lost" }, part("Won", ["good"]), part("Lost", ["bad"]), part("Changed", ["info", "warn"]), part("Same in both", ["plain"]));
}

/** The width of a query with all its cards in one line; Infinity where the page has less. */
function blockWidth(nCards) {
  const needed = WIDTH.query + Math.max(1, nCards) * (WIDTH.card + WIDTH.gap) - WIDTH.gap;
  return needed > pageWidth() ? Infinity : needed;
}

const pageWidth = () => document.querySelector("main > section:not([hidden])").clientWidth;

function makeBlock(query) {
  const { id, title, split, productSize, source } = listing(query.query);
  const cards = query.visibleCards;
  const facts = [...(source ? [source] : []), split, productSize ? `product of ${productSize}` : "no label"];
  const f1 = query.f1 === undefined ? null
    : Array.isArray(query.f1) ? `F1 ${twoDecimals(query.f1[0])} → ${twoDecimals(query.f1[1])}` : `F1 ${twoDecimals(query.f1)}`;
  const grid = gallery.systems ? wonAndLost(query, cards) : cardGrid(query, cards);
  if (!cards.length) grid.append(element("p", { className: "note" }, productSize === 1 ? "No match. Correct: its product has no other listing." : "No match."));
  if (query.hidden) grid.append(element("p", { className: "note" }, `${query.hidden} more listings of its product were missed.`));
  const width = blockWidth(cards.length);
  return element("article", { className: `query ${width < Infinity ? "one-line" : "wide"}`, tabIndex: -1, "data-id": id, style: { "--width": `${width}px` } },
    element("div", { className: "query-listing" },
      element("span", { className: "picture" }, picture(query.query)),
      element("div", {},
        element("p", { className: "title", dir: "auto" }, title || element("em", {}, "no title")),
        element("p", { className: "facts" }, f1 && element("b", {}, f1), ...facts.map((fact) => element("span", {}, fact))),
        element("p", { className: "id" }, id))),
    grid);
}
