// Draw the page's charts in the colours of the style sheet, and open links to other pages.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const shown = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

  // "var(--first)" is a colour of the style sheet; Plotly needs its value.
  const coloured = (value, style) => {
    if (typeof value === "string" && value.startsWith("var(--")) return style.getPropertyValue(value.slice(4, -1)).trim();
    if (Array.isArray(value)) return value.map((each) => coloured(each, style));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, coloured(each, style)]));
    }
    return value;
  };
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    for (const place of document.querySelectorAll("[data-figure]")) {
      const { data, layout } = coloured(figures[place.dataset.figure], style);
      Plotly.react(place, data, layout, shown);
    }
    document.documentElement.dataset.drawn = document.documentElement.dataset.theme;
  };
  draw();
  document.addEventListener("theme", draw);

  // Airflow shows the page in a sandboxed frame that cannot open windows or navigate away; the outer document can.
  // Airflow's own pages replace this one; others open in a new window.
  const open = (event) => {
    const link = event.target.closest("a[data-out]");
    if (!link || event.defaultPrevented || (event.type === "auxclick" && event.button !== 1)) return;
    const inside = new URL(link.href).origin === window.location.origin;
    const apart = !inside || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    let page = document;
    try {
      page = window.parent.document;
    } catch {
      // framed by another origin: the link opens within this frame
    }
    event.preventDefault();
    const outer = page.createElement("a");
    outer.href = link.href;
    if (apart) outer.target = "_blank";
    outer.rel = "noopener";
    page.body.append(outer);
    outer.click();
    outer.remove();
  };
  document.addEventListener("click", open);
  document.addEventListener("auxclick", open);
})();
