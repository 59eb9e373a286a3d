// The products of the report: annotations stay in the browser, and leave it as annotations.csv.
"use strict";
(() => {
  const content = JSON.parse(document.getElementById("product-data").textContent);
  const place = `samesku-annotations-${content.system}-${content.groups.length}-${gallery.listings.length}`;
  const stored = new Map();
  try { for (const [key, row] of JSON.parse(localStorage.getItem(place) ?? "[]")) stored.set(key, row); } catch { /* no storage for files */ }
  const source = {
    ...content,
    listing(number) {
      const [id, title, split, productSize, source, further, price] = gallery.listings[number];
      return { id, title, split, productSize, source, further, price };
    },
    thumbnail: (number) => pictureSources(number)[0],
    read: async () => [...stored.values()].map(([left, right, answer]) => [left, right, answer]),
    async write(answers) {
      const before = answers.map(([left, right]) => [left, right, stored.get(pairKey(left, right))?.[2] ?? null]);
      const time = `${new Date().toISOString().slice(0, 19)}Z`;
      for (const [left, right, answer] of answers) {
        const key = pairKey(left, right);
        if (answer === null) stored.delete(key);
        else stored.set(key, [...key.split("\t"), answer, time]);
      }
      try { localStorage.setItem(place, JSON.stringify([...stored])); } catch { /* no storage for files */ }
      return before;
    },
    download() {
      const rows = [["left", "right", "annotation", "time"], ...[...stored.values()].sort()];
      downloadFile("annotations.csv", "text/csv", csvText(rows));
    },
    explain(left, right) {
      const pairs = [[left, right], [right, left]].map(([query, listing]) =>
        gallery.queries.find((block) => block.query === query)?.cards.find((card) => card.listing === listing));
      const card = pairs.find(Boolean);
      return card ? whyCard(card) : element("p", { className: "note" }, "The two do not match directly: other listings of the product join them.");
    },
  };
  const threshold = JSON.parse(document.getElementById("threshold-data").textContent);
  let page = null;
  let thresholdPage = null;
  sections.onShow((name) => {
    if (name === "threshold" && threshold) thresholdPage ??= new ThresholdPage(document.getElementById("threshold"), threshold, source);
    if (name !== "products") return;
    if (page) page.show(true);
    else { page = new ProductPage(document.getElementById("products"), source); page.start(); }
  });
})();
