// Products: every group of a system as a gallery of its listings, with decisions that become annotations.
"use strict";

const CARD = { width: 150, gap: 10, padding: 26 }; // pixels, as in products.css
const [ROW_HEIGHT, ROW_GAP] = [document.body.classList.contains("without-pictures") ? 256 : 362, 12]; // pixels
const SIZES = { 1: [1, 1], 2: [2, 2], "3–5": [3, 5], "6–10": [6, 10], "11 and more": [11, Infinity] };
const foldText = (text) => text.normalize("NFKC").toLowerCase();

class Products {
  /**
   * Args: place: the section. source: {groups, listing(number), thumbnail(number), threshold, system, read(), write(answers),
   * explain(left, right), saved: where annotations go}. Answers are [id, id, answer or null].
   */
  constructor(place, source) {
    this.place = place;
    this.source = source;
    this.base = source.groups.map(([listings, scores = [], contradictions = []], i) => ({
      number: i + 1, name: String(i + 1), listings, scores, removed: [],
      contradictions: contradictions.map(([a, b, text]) => [listings[a], listings[b], text]),
    }));
    this.numberOf = new Map();
    this.words = new Map();
    for (const group of this.base) for (const listing of group.listings) this.numberOf.set(source.listing(listing).id, listing);
    this.answers = new Map();
    this.undoable = [];
    this.selected = new Set();
    this.marked = null; // the group that waits to be merged
    this.current = { listing: null };
    this.form = place.querySelector("form");
    this.list = new VirtualList(place.querySelector(".product-list"), (i) => this.makeRow(i), () => ROW_HEIGHT);
  }

  async start() {
    await this.readAnswers();
    this.derive();
  }

  async readAnswers() {
    this.answers.clear();
    for (const [left, right, answer] of await this.source.read()) this.setAnswer(left, right, answer);
  }

  setAnswer(left, right, answer) {
    const [a, b] = [this.numberOf.get(left), this.numberOf.get(right)];
    if (a === undefined || b === undefined) return;
    if (answer === null) this.answers.delete(pairKey(a, b));
    else this.answers.set(pairKey(a, b), answer);
  }

  // ---- which products are shown ----

  /** Args: stay: the products that were shown stay where they are, so that nothing jumps after a decision. */
  derive(stay = false) {
    this.groups = deriveGroups(this.base, this.answers);
    this.groupOf = new Map();
    for (const group of this.groups) {
      for (const listing of [...group.listings, ...group.removed]) this.groupOf.set(listing, group);
      const scores = group.scores.filter((score) => score !== undefined);
      group.certainty = group.listings.length > 1 && scores.length ? Math.min(...scores) : null;
      group.weak = group.certainty !== null && group.certainty < this.source.threshold;
    }
    this.show(stay);
  }

  text(listing) {
    if (!this.words.has(listing)) {
      const { id, title, source } = this.source.listing(listing);
      this.words.set(listing, foldText(` ${title} ${id} ${source ?? ""} `));
    }
    return this.words.get(listing);
  }

  passes(group, filter) {
    const n = group.listings.length;
    const [low, high] = SIZES[filter.size] ?? (filter.size === "several" ? [2, Infinity] : [1, Infinity]);
    // A group that lost a listing stays in sight, so that the listing can be put back.
    if (!(n >= low && n <= high) && !(group.removed.length && n + group.removed.length >= low)) return false;
    if (filter.doubt === "weak" && !group.weak) return false;
    if (filter.doubt === "contradictions" && !group.contradictions.length) return false;
    if (filter.doubt === "open" && (group.confirmed || group.changed || n < 2)) return false;
    if (filter.doubt === "decided" && !group.confirmed && !group.changed) return false;
    const listings = [...group.listings, ...group.removed];
    if (filter.split && !listings.some((listing) => this.source.listing(listing).split === filter.split)) return false;
    if (filter.shop && !listings.some((listing) => (this.source.listing(listing).source ?? "") === filter.shop)) return false;
    return filter.words.every((word) => listings.some((listing) => this.text(listing).includes(word)));
  }

  show(stay = false) {
    const value = (name) => this.form.elements[name]?.value ?? "";
    const filter = {
      size: value("size"), doubt: value("doubt"), split: value("split"), shop: value("shop"),
      // Between " " stand whole words, as in a link to the product of a listing: pr_1 is no pr_10.
      words: [...foldText(value("words")).matchAll(/"([^"]+)"|([^\s"]+)/g)].map(([, whole, part]) => (whole ? ` ${whole} ` : part)),
    };
    const place = stay ? new Map(this.shown.map((group, i) => [group.number, i])) : new Map();
    const shown = this.groups.filter((group) => (stay ? place.has(group.number) : this.passes(group, filter)));
    const order = {
      largest: (a, b) => b.listings.length - a.listings.length,
      certain: (a, b) => (a.certainty ?? 2) - (b.certainty ?? 2),
      contradictions: (a, b) => b.contradictions.length - a.contradictions.length || (a.certainty ?? 2) - (b.certainty ?? 2),
    }[value("sort")];
    const byName = (a, b) => a.number - b.number || a.name.length - b.name.length;
    this.shown = shown.sort((a, b) => (stay ? place.get(a.number) - place.get(b.number) : order(a, b)) || byName(a, b));
    this.pack();
    const nListings = this.shown.reduce((sum, group) => sum + group.listings.length, 0);
    this.place.querySelector(".count").textContent = this.shown.length
      ? `${count(this.shown.length, "product")} of ${count(nListings, "listing")}` : "No product passes these filters.";
    this.list.show(this.rows.length);
    this.focusCurrent();
  }

  /** Put the shown groups into rows, as many as fit side by side, in their order. */
  pack() {
    const width = this.list.place.clientWidth || 1000;
    const widthOf = (group) => {
      const cards = Math.max(Math.min(group.listings.length + group.removed.length, MAX_CARDS), innerWidth > 720 ? 1.45 : 2);
      return Math.min(width, cards * (CARD.width + CARD.gap) - CARD.gap + CARD.padding);
    };
    const widths = this.shown.map(widthOf);
    this.rows = packRows(widths, width, ROW_GAP).map((row) => row.map((place) => [this.shown[place], widths[place]]));
    this.rowOf = new Map(this.rows.flatMap((row, i) => row.map(([group]) => [group, i])));
    this.packedWidth = width;
  }

  makeRow(i) {
    return element("div", { className: "product-row" },
      this.rows[i].map(([group, width]) => makeProduct(this, group, width)));
  }

  // ---- decisions ----

  async act(action, group, listings = []) {
    const name = `product ${group.name}`;
    if (action === "merge") {
      if (!this.marked || this.marked === group) {
        this.marked = this.marked === group ? null : group;
        this.message(this.marked ? `Choose the product that is the same as ${name}, and press M there.` : "");
        this.show(true);
        return;
      }
      const [into, from] = [this.marked, group];
      this.marked = null;
      await this.write(decisions.merge(into, from, this.answers), `Merged products ${into.name} and ${from.name}.`);
    } else if (action === "confirm" && group.listings.length > 1) {
      await this.write(decisions.confirm(group), `Confirmed ${name}.`);
    } else if (action === "split") {
      const selected = group.listings.filter((listing) => this.selected.has(listing));
      if (!selected.length || selected.length === group.listings.length) { this.message("Select the listings of the other product first: click on them, or press Space."); return; }
      await this.write(decisions.split(group, selected), `Split ${name} in two.`);
    } else if (action === "remove" && listings.length && listings.length < group.listings.length) {
      await this.write(decisions.remove(group, listings), `Removed ${count(listings.length, "listing")} from ${name}.`);
    } else if (action === "putBack") {
      await this.write(decisions.putBack(group, listings[0], this.answers), `Put a listing back into ${name}.`);
    }
  }

  /** Store answers of pairs of numbers; returns what they were before, by id. */
  async store(answers) {
    return this.restore(answers.map(([a, b, answer]) => [this.source.listing(a).id, this.source.listing(b).id, answer]));
  }

  /** Store answers of pairs of ids, as of `store`. */
  async restore(answers) {
    const before = await this.source.write(answers);
    for (const [left, right, answer] of answers) this.setAnswer(left, right, answer);
    return before;
  }

  /** Store answers, show the groups that follow, and remember what undoes them. */
  async write(answers, done) {
    try {
      this.undoable.push({ before: await this.store(answers), done });
      this.settle(done);
    } catch (error) { this.message(error.message, true); }
  }

  async undo() {
    const last = this.undoable.pop();
    if (!last) { this.message("There is nothing to undo."); return; }
    try {
      await this.restore(last.before);
      this.settle(`Undone: ${last.done}`);
    } catch (error) { this.undoable.push(last); this.message(error.message, true); }
  }

  settle(done) {
    this.selected.clear();
    this.message(done);
    this.derive(true);
  }

  message(text, isError = false) {
    const place = this.place.querySelector(".message");
    place.textContent = text;
    place.classList.toggle("error", isError);
    this.place.querySelector("[data-action=undo]").disabled = !this.undoable.length;
  }

  /** The rows of a file: every listing of the shown products, whether it is kept or removed. */
  table() {
    const row = (group, listing, decision) => {
      const { id, title, source, price } = this.source.listing(listing);
      const score = group.scores[group.listings.indexOf(listing)];
      return [group.name, id, decision, title ?? "", source ?? "", price ?? "", score ?? "", group.confirmed ? "confirmed" : group.changed ? "changed" : ""];
    };
    return [
      ["group", "posting_id", "decision", "title", "source", "price", "score", "state"],
      ...this.shown.flatMap((group) => [
        ...group.listings.map((listing) => row(group, listing, "keep")),
        ...group.removed.map((listing) => row(group, listing, "remove"))])];
  }
}

const thousands = new Intl.NumberFormat("en"); // toLocaleString makes one for each number
const count = (n, name) => `${thousands.format(n)} ${name}${n === 1 ? "" : "s"}`;
