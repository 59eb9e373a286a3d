// The products of samesku serve: data and annotations come from the server and go there.
"use strict";

const server = {
  token: document.querySelector('meta[name="samesku-token"]').content,
  /** The answer of the server; an Error with its sentence if it refuses. A body makes the request a POST. */
  async request(url, body) {
    let response;
    try {
      response = await fetch(url, { method: body === undefined ? "GET" : "POST", body, headers: { "x-samesku-token": this.token } });
    } catch {
      throw new Error("The server does not answer; is samesku serve still running?");
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.error || `The server answered with status ${response.status}.`);
    return answer;
  },
};

const productPages = { opened: null };
sections.onShow((name) => {
  if (name !== "products") return;
  productPages.opened ??= openProducts(document.getElementById("products"));
  productPages.opened.then((page) => page?.derive(true)); // the review may have changed the groups
});

sections.onShow(async (name) => {
  if (name !== "threshold") return;
  const place = document.getElementById("threshold");
  const status = place.querySelector(".threshold-figures");
  status.textContent = "Counting …";
  try {
    productPages.opened ??= openProducts(document.getElementById("products"));
    const [products, { threshold }] = await Promise.all([productPages.opened, server.request("/api/threshold")]);
    if (!threshold || !products) status.textContent = "No single threshold decides in this system.";
    else if (productPages.threshold) { productPages.threshold.content = threshold; productPages.threshold.reset(); }
    else productPages.threshold = new ThresholdPage(place, threshold, products.source);
  } catch (error) { status.textContent = error.message; }
});

async function openProducts(place) {
  const message = place.querySelector(".message");
  message.textContent = "Reading the products …";
  try {
    const content = await server.request("/api/products");
    const page = new ProductPage(place, {
      ...content,
      listing(number) {
        const [id, title, split, productSize, source, further, price] = content.listings[number];
        return { id, title, split, productSize, source, further, price };
      },
      thumbnail: (number) => (content.pictures[number] ? `/thumbnail/${number}` : null),
      read: async () => (await server.request("/api/annotations")).answers,
      write: async (answers) => (await server.request("/api/annotations", JSON.stringify({ answers }))).answers,
      picture: (number) => (content.pictures[number] ? `/picture/${number}` : null),
      async explain(left, right) {
        return whyBars(await server.request(`/api/pair?left=${left}&right=${right}`));
      },
    });
    message.textContent = "";
    await page.start();
    return page;
  } catch (error) {
    message.textContent = error.message;
    message.classList.add("error");
    return null;
  }
}
