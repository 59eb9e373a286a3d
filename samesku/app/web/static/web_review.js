// Review by groups: one card a question, answered for all its listings at once.
"use strict";

const MARGIN = 0.03; // half the width of the interval to which the random order shall bring the precision
const FIRST_GUESS = 0.95; // of that precision, for the goal before there are answers
const MIN_ANSWERS = 10;
// The key of each listing of a card, those that answer left out; the last twenty are pressed with Shift.
const LETTERS = "qwertyiopafghjlzxcvm";
const LISTING_KEYS = `1234567890${LETTERS}${LETTERS.toUpperCase()}`;
const MANY = 12; // listings of a card that are shown small

class GroupReview {
  /** Args: place: the section. products: the ProductPage, whose listings and annotations it shares. cards: of /api/cards. */
  constructor(place, products, cards) {
    this.place = place;
    this.products = products;
    this.source = products.source;
    this.cards = cards.map(([left, right, worth, probability, contradictions, random], i) => ({ left, right, worth, probability, contradictions, random, number: i }));
    this.form = place.querySelector("form");
    this.marked = new Set();
    this.history = [];
    this.started = Date.now();
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => { this.position = 0; this.next(); });
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.answer) this.act(button.dataset.answer);
      else if (button.dataset.mark !== undefined) this.mark(Number(button.dataset.mark));
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether annotations answer a card: each listing of a group, or some pair between two groups. */
  isDone(card) {
    const { others } = this;
    const answered = (a, listings) => [...others.get(a) ?? []].some((b) => listings.includes(b));
    if (card.right.length) return card.left.some((a) => answered(a, card.right));
    return card.left.every((a) => answered(a, card.left));
  }

  /** The cards that pass the filters, in their order. */
  queue() {
    const { kind, order, words } = Object.fromEntries(new FormData(this.form));
    const wanted = foldText(words ?? "").split(/\s+/).filter(Boolean);
    const cards = this.cards.filter((card) =>
      (order !== "random" || !card.right.length) &&
      (kind !== "groups" || !card.right.length) && (kind !== "pairs" || card.right.length) &&
      (kind !== "contradictions" || card.contradictions.length) &&
      wanted.every((word) => [...card.left, ...card.right].some((listing) => this.products.text(listing).includes(word))));
    return order === "random" ? cards.sort((a, b) => a.random - b.random) : cards.sort((a, b) => a.number - b.number);
  }

  /** Show the next card without an answer. */
  next() {
    this.others = adjacency([...this.products.answers.keys()].map((key) => key.split("\t").map(Number)));
    const queue = this.queue();
    this.marked.clear();
    this.card = queue.find((card) => !this.isDone(card) && !this.history.some((past) => past.card === card && past.passed)) ?? null;
    this.show(queue);
  }

  show(queue = this.queue()) {
    const done = queue.filter((card) => this.isDone(card)).length;
    this.place.querySelector(".progress").textContent = this.progressText(queue, done);
    this.place.querySelector(".meter i").style.setProperty("width", barWidth(queue.length ? done / this.goal(queue, done) : 0));
    const place = this.place.querySelector(".card-place");
    for (const button of this.place.querySelectorAll("[data-answer]")) button.disabled = !this.card && button.dataset.answer !== "undo";
    this.place.querySelector("[data-answer=undo]").disabled = !this.history.length;
    if (!this.card) {
      place.replaceChildren(element("p", { className: "box" }, this.cards.length ? "Every card that passes these filters has an answer." : "There is nothing to review: no two listings match."));
      return;
    }
    const { card } = this;
    const several = card.right.length > 0;
    this.nameAnswers();
    const question = several ? "Are these two groups the same product?" : `Are these ${card.left.length} listings the same product?`;
    place.replaceChildren(element("article", { className: "box review-card", "aria-label": question },
      element("h2", { tabIndex: -1 }, question),
      card.contradictions.length
        ? element("p", { className: "conflicts" }, element("b", {}, "They contradict each other: "), card.contradictions.slice(0, 6).map((text) => element("span", { className: "chip" }, text))) : null,
      element("div", { className: several ? "two-groups" : "" }, [card.left, card.right].filter((part) => part.length).map((part) =>
        element("div", { className: `review-listings${part.length > MANY ? " many" : ""}` }, part.map((listing, place) => this.listingCard(listing, place))))),
      element("p", { className: "note" }, `Probability of one product about ${Math.round(100 * card.probability)}%; an answer settles ${count(several ? card.left.length * card.right.length : card.left.length * (card.left.length - 1) / 2, "pair")}.`)));
  }

  nameAnswers() {
    const several = this.card.right.length > 0;
    this.place.querySelector("[data-answer=same] span").textContent = several ? "Same product" : this.marked.size ? "The others are the same" : "All the same";
    this.place.querySelector("[data-answer=different] span").textContent = several ? "Different products" : "All different";
  }

  /** Args: place: of the listing in its group. */
  listingCard(listing, place) {
    const { id, title, source, price } = this.source.listing(listing);
    const group = !this.card.right.length;
    const key = LISTING_KEYS[place];
    return element(group ? "button" : "div", {
      type: group ? "button" : undefined, className: `review-listing${this.marked.has(listing) ? " marked" : ""}`,
      ...(group && { "data-mark": listing, "aria-pressed": String(this.marked.has(listing)), title: "Press to mark a listing that is another product" }),
    },
      element("span", { className: "picture" }, listingPicture(this.products, listing)),
      group && key ? element("kbd", {}, key > "Z" || key < "A" ? key.toUpperCase() : `⇧${key}`) : null,
      element("span", { className: "title", dir: "auto" }, title || "no title"),
      element("span", { className: "id" }, [source, price].filter(Boolean).join(" · ") || id),
      this.marked.has(listing) ? element("span", { className: "chip down" }, "another product") : null);
  }

  // ---- progress ----

  /** What the answers in random order say of the precision: {n, share, margin}, of groups with an answer. */
  estimate(queue) {
    const rows = [];
    for (const card of queue) {
      if (!this.isDone(card)) break; // the run at the head: a random sample of the groups
      const pairs = pairsBetween(card.left, card.left).filter(([a, b]) => a < b);
      if (pairs.some(([a, b]) => this.products.answers.get(pairKey(a, b)) === "skip")) continue;
      const [group] = deriveGroups([{ number: 0, name: "", listings: card.left, scores: [], contradictions: [], removed: [] }], new Map(pairs.map(([a, b]) => [pairKey(a, b), this.products.answers.get(pairKey(a, b))]).filter(([, answer]) => answer)));
      const n = group.listings.length;
      rows.push([n * (n - 1) / 2, pairs.length]);
    }
    const m = rows.length;
    const [right, all] = [0, 1].map((i) => rows.reduce((sum, row) => sum + row[i], 0));
    const share = all ? right / all : null;
    const spread = rows.reduce((sum, [x, n]) => sum + (x - share * n) ** 2, 0);
    const margin = m >= MIN_ANSWERS && spread > 0 ? 1.96 * Math.sqrt(spread / (m * (m - 1))) / (all / m) : null;
    return { m, share, margin, pairs: m ? all / m : null };
  }

  /** How many cards until the goal: all, or in random order those that bring the precision to ± MARGIN. */
  goal(queue, done) {
    if (this.form.elements.order.value !== "random") return queue.length;
    const { m, margin, pairs } = this.estimate(queue);
    const mean = pairs ?? queue.slice(0, 200).reduce((sum, card) => sum + card.left.length * (card.left.length - 1) / 2, 0) / Math.max(1, Math.min(200, queue.length));
    const guess = (1.96 / MARGIN) ** 2 * FIRST_GUESS * (1 - FIRST_GUESS) / Math.max(1, mean);
    return Math.min(queue.length, Math.max(done, MIN_ANSWERS, Math.ceil(margin === null ? guess : m * (margin / MARGIN) ** 2)));
  }

  progressText(queue, done) {
    if (!queue.length) return "";
    if (this.form.elements.order.value !== "random") return `${done.toLocaleString("en")} of ${count(queue.length, "card")}`;
    const { share, margin } = this.estimate(queue);
    const known = margin === null ? "" : `; so far ${Math.round(100 * share)}% of the pairs within groups are right (±${Math.max(1, Math.round(100 * margin))}%)`;
    return `${done.toLocaleString("en")} of about ${this.goal(queue, done).toLocaleString("en")} until the precision of the groups is known to ±${100 * MARGIN}%${known}`;
  }

  // ---- answers ----

  mark(listing) {
    if (!this.marked.delete(listing)) this.marked.add(listing);
    const card = this.listingCard(listing, this.card.left.indexOf(listing));
    this.place.querySelector(`[data-mark="${listing}"]`).replaceWith(card);
    card.focus();
    this.nameAnswers();
  }

  /** Move the focus to another listing of a group; the space bar then marks it. */
  move(key) {
    const cards = [...this.place.querySelectorAll("[data-mark]")];
    if (!cards.length) return;
    const nColumns = cards.filter((card) => card.offsetTop === cards[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: nColumns, ArrowUp: -nColumns }[key];
    const current = cards.indexOf(document.activeElement);
    cards[current < 0 ? 0 : Math.min(Math.max(current + step, 0), cards.length - 1)].focus();
  }

  answersFor(answer) {
    const { left, right } = this.card;
    if (answer === "skip") return (right.length ? [[left[0], right[0]]] : star(left)).map((pair) => [...pair, "skip"]);
    if (right.length) {
      return answer === "same" ? decisions.merge({ listings: left }, { listings: right }, this.products.answers) : decisions.apart(left, right);
    }
    if (answer === "different") return pairsBetween(left, left).filter(([a, b]) => a < b).map((pair) => [...pair, "different"]);
    const marked = left.filter((listing) => this.marked.has(listing));
    const rest = left.filter((listing) => !this.marked.has(listing));
    return [...star(rest).map((pair) => [...pair, "same"]), ...pairsBetween(marked, rest).map((pair) => [...pair, "different"])];
  }

  async act(answer) {
    if (this.waiting) return;
    this.waiting = true;
    try {
      if (answer === "undo") await this.undo();
      else if (answer === "later") { this.history.push({ card: this.card, passed: true, before: [] }); this.next(); }
      else if (this.card) {
        const answers = this.answersFor(answer);
        if (!answers.length) return;
        const before = await this.products.store(answers);
        this.history.push({ card: this.card, before });
        this.message("");
        this.next();
      }
      this.place.querySelector("h2")?.focus({ preventScroll: true });
    } catch (error) { this.message(error.message); } finally { this.waiting = false; }
  }

  async undo() {
    const last = this.history.pop();
    if (!last) return;
    if (last.before.length) await this.products.restore(last.before);
    this.next();
    this.card = last.card;
    this.show();
  }

  message(text) {
    const place = this.place.querySelector(".message");
    place.textContent = text;
    place.hidden = !text;
  }

  key(event) {
    if (this.place.hidden || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) { if (event.key === "Escape") event.target.blur(); return; }
    if (/^Arrow/.test(event.key)) {
      if (this.place.querySelector("[data-mark]")) { event.preventDefault(); this.move(event.key); }
      return;
    }
    if (event.repeat) return;
    const answer = { s: "same", d: "different", k: "skip", u: "undo", b: "undo", n: "later" }[event.key.toLowerCase()];
    if (answer) { event.preventDefault(); this.act(answer); return; }
    const place = event.key.length === 1 ? LISTING_KEYS.indexOf(event.key) : -1;
    const listing = this.card && !this.card.right.length ? this.card.left[place] : undefined;
    if (listing !== undefined) { event.preventDefault(); this.mark(listing); }
  }
}

const reviewPage = { opened: null };
sections.onShow((name) => {
  if (name !== "review") return;
  reviewPage.opened ??= openReview(document.getElementById("review"));
  reviewPage.opened.then((review) => review?.products.readAnswers().then(() => review.next()));
});

async function openReview(place) {
  place.querySelector(".progress").textContent = "Reading the cards …";
  try {
    productPages.opened ??= openProducts(document.getElementById("products"));
    const [products, { cards }] = await Promise.all([productPages.opened, server.request("/api/cards")]);
    if (!products) throw new Error("The products cannot be read.");
    return new GroupReview(place, products, cards);
  } catch (error) {
    const message = place.querySelector(".message");
    message.textContent = error.message;
    message.hidden = false;
    return null;
  }
}
