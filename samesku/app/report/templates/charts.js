// Draws the figures when they come into view, in the page's colours, and again when those change.
"use strict";
(() => {
  const charts = new Map(JSON.parse(document.getElementById("chart-data").textContent).map((c) => [c.id, c]));
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const coloured = (node) => {
    if (typeof node === "string") return /^\$[a-z]+$/.test(node) ? colour(node.slice(1)) : node;
    if (Array.isArray(node)) return node.map(coloured);
    if (node && typeof node === "object") return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, coloured(v)]));
    return node;
  };
  const config = () => {
    const [ink, faint, line] = [colour("ink"), colour("faint"), colour("line")];
    const font = getComputedStyle(document.body).fontFamily;
    return {
      background: "transparent", font, view: { stroke: null },
      axis: { labelColor: faint, titleColor: faint, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, tickCount: 6 },
      legend: { labelColor: ink, orient: "top", symbolType: "circle", labelFontSize: 12, padding: 0, offset: 6 },
    };
  };
  const drawn = new Map();
  const draw = async (place) => {
    const chart = charts.get(place.dataset.chart);
    const spec = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container", height: 240, autosize: { type: "fit-x", contains: "padding" }, ...coloured(chart.spec) };
    drawn.get(place)?.finalize();
    const dark = colour("dark") === "rgb(255, 255, 255)";
    drawn.set(place, await vegaEmbed(place, spec, { actions: false, renderer: "svg", config: config(), tooltip: { theme: dark ? "dark" : "light" } }));
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
    }
  }, { rootMargin: "200px" });
  for (const place of document.querySelectorAll(".plot")) seen.observe(place);
  document.addEventListener("themechange", () => { for (const place of drawn.keys()) draw(place); });
})();
