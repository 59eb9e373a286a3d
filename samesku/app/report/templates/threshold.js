// A threshold to move: what it would do, and the pairs just above and below it.
"use strict";

class ThresholdPage {
  /** Args: place: the section. content: of `threshold_content`. source: as of Products, for listings and pictures. */
  constructor(place, content, source) {
    Object.assign(this, { place, content, source });
    this.slider = place.querySelector("input[type=range]");
    this.slider.max = content.steps.length - 1;
    this.slider.addEventListener("input", () => this.show());
    place.querySelector("[data-action=reset]").addEventListener("click", () => this.reset());
    place.querySelector("[data-action=copy]").addEventListener("click", () => this.copy());
    this.lines = [
      ["precision on val", "var(--test)", 4], ["recall on val", "var(--good)", 5], ["precision by annotations", "var(--info)", 6],
    ].filter(([, , column]) => content.steps.some((step) => step[column] !== null));
    this.reset();
  }

  get current() { return this.content.steps.findIndex(([threshold]) => threshold === this.content.current); }

  reset() { this.slider.value = this.current; this.show(); }

  show() {
    const place = Number(this.slider.value);
    const step = this.content.steps[place];
    const before = this.content.steps[this.current];
    const [threshold] = step;
    const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}%`);
    const change = (value, old, digits) => (value === null || old === null || place === this.current ? "" : `${value < old ? "−" : "+"}${digits ? (100 * Math.abs(value - old)).toFixed(1) : Math.abs(value - old).toLocaleString("en")}`);
    const figure = (name, text, note) => element("div", { className: "tile" }, element("dt", {}, name), element("dd", {}, text), element("dd", { className: "note" }, note));
    const tiles = [
      figure("threshold", threshold.toFixed(3), place === this.current ? "of the last run" : `last run ${this.content.current.toFixed(3)}`),
      figure("matches", step[1].toLocaleString("en"), change(step[1], before[1], 0) || "pairs of listings"),
      figure("listings with a match", step[2].toLocaleString("en"), change(step[2], before[2], 0)),
      figure("products", `${step[3] === null ? "about " : ""}${this.groupsAt(place).toLocaleString("en")}`, "of two listings or more")];
    if (step[4] !== null || step[5] !== null) {
      tiles.push(figure("precision on val", percent(step[4]), change(step[4], before[4], 1) || "matches that are right"));
      tiles.push(figure("recall on val", percent(step[5]), change(step[5], before[5], 1) || "of the true matches"));
    }
    if (step[6] !== null) tiles.push(figure("precision by annotations", percent(step[6]), `95%: ${percent(step[7])} to ${percent(step[8])}`));
    const ofClusters = "The last run kept only those of these matches that lie within a cluster, so its lists and products are fewer. A threshold that you adopt decides without clusters.";
    const notes = this.content.clusters ? [element("p", { className: "note" }, ofClusters)] : [];
    this.place.querySelector(".threshold-figures").replaceChildren(element("dl", { className: "tiles" }, tiles), ...notes);
    this.slider.setAttribute("aria-valuetext", `threshold ${threshold.toFixed(3)}`);
    this.place.querySelector(".threshold-chart").replaceChildren(this.chart(place));
    this.place.querySelector(".adopt code").textContent = this.command(threshold);
    this.place.querySelector("[data-action=copy]").hidden = !this.content.key;
    this.place.querySelector(".adopt [role=status]").textContent = "";
    const { examples } = this.content;
    const first = examples.findIndex(([, , score]) => score < threshold);
    const split = first < 0 ? examples.length : first;
    this.showPairs(".above", examples.slice(Math.max(0, split - 4), split).reverse(), "No pair reaches this threshold.");
    this.showPairs(".below", examples.slice(split, split + 4), "No candidate pair is below this threshold.");
  }

  command(threshold) {
    return this.content.key ? `dvc exp run -S ${this.content.key}=${threshold}` : `params.yaml has no threshold of ${this.content.system}: the stage chooses it`;
  }

  /** The number of groups at a step, between those that were counted. */
  groupsAt(place) {
    const counted = this.content.steps.map((step, i) => [i, step[3]]).filter(([, groups]) => groups !== null);
    const low = counted.filter(([i]) => i <= place).at(-1);
    const high = counted.find(([i]) => i >= place);
    if (low[0] === high[0]) return low[1];
    return Math.round(low[1] + (high[1] - low[1]) * (place - low[0]) / (high[0] - low[0]));
  }

  /** Precision and recall by threshold, with the present threshold dashed and the chosen one drawn through. */
  chart(place) {
    const [width, height, margin] = [Math.max(280, Math.min(1280, this.place.clientWidth - 34)), 190, 36];
    const { steps } = this.content;
    const [low, high] = [steps[0][0], steps.at(-1)[0]];
    const x = (threshold) => margin + (width - 2 * margin) * (threshold - low) / (high - low || 1);
    const y = (share) => 10 + (height - 38) * (1 - share);
    const svg = (tag, attributes, text) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      if (text !== undefined) made.textContent = text;
      return made;
    };
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Precision and recall for thresholds from ${low.toFixed(2)} to ${high.toFixed(2)}` });
    for (const share of [0, 0.5, 1]) {
      root.append(svg("line", { class: "grid", x1: margin, x2: width - margin, y1: y(share), y2: y(share) }), svg("text", { x: 0, y: y(share) + 4 }, `${100 * share}%`));
    }
    const most = Math.max(...steps.map((step) => step[1]));
    root.append(svg("polyline", { class: "matches", points: steps.map((step) => `${x(step[0])},${y(step[1] / most)}`).join(" ") }));
    for (const [, , column] of this.lines.filter(([, , c]) => c === 6)) {
      const known = steps.filter((step) => step[column] !== null);
      const band = [...known.map((step) => `${x(step[0])},${y(step[8])}`), ...[...known].reverse().map((step) => `${x(step[0])},${y(step[7])}`)];
      root.append(svg("polygon", { class: "band", points: band.join(" ") }));
    }
    this.lines.forEach(([, , column], i) => {
      const known = steps.filter((step) => step[column] !== null);
      root.append(svg("polyline", { class: `line line-${column}`, points: known.map((step) => `${x(step[0])},${y(step[column])}`).join(" ") }));
    });
    root.append(
      svg("line", { class: "present", x1: x(this.content.current), x2: x(this.content.current), y1: 6, y2: height - 22 }),
      svg("line", { class: "chosen", x1: x(steps[place][0]), x2: x(steps[place][0]), y1: 6, y2: height - 22 }),
      svg("text", { x: margin, y: height - 4 }, low.toFixed(2)), svg("text", { x: width - margin, y: height - 4, "text-anchor": "end" }, high.toFixed(2)));
    const legend = [...this.lines, [`number of matches (100% is ${most.toLocaleString("en")})`, "var(--muted)"]].map(([name, colour]) =>
      element("span", { className: "legend-entry" }, element("i", { style: { background: colour } }), name));
    return element("figure", {}, element("div", { className: "legend" }, legend), root);
  }

  showPairs(selector, pairs, none) {
    this.place.querySelector(selector).replaceChildren(...(pairs.length ? pairs.map((pair) => this.pairCard(...pair)) : [element("p", { className: "note" }, none)]));
  }

  pairCard(left, right, score, same) {
    const side = (number) => {
      const { id, title, source } = this.source.listing(number);
      return element("div", {}, element("span", { className: "picture" }, listingPicture(this, number)),
        element("p", { className: "title", dir: "auto", title }, title || "no title"), element("p", { className: "id" }, source || id));
    };
    return element("article", { className: "pair-card" },
      element("p", { className: "kind" }, element("span", { className: "score" }, score.toFixed(4)),
        same === null ? null : element("span", { className: `chip ${same ? "up" : "down"}` }, same ? "same product" : "two products")),
      element("div", { className: "pair-sides" }, side(left), side(right)));
  }

  async copy() {
    const status = this.place.querySelector(".adopt [role=status]");
    const code = this.place.querySelector(".adopt code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      status.textContent = "Copied. Run it in the repository.";
    } catch { // a file may not be allowed to copy
      getSelection().selectAllChildren(code);
      status.textContent = "Selected; copy it, and run it in the repository.";
    }
  }
}
