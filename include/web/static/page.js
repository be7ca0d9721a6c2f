// Draws the figures that stand in the page, in the colours of the style sheet, and opens links to other pages.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const shown = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

  // "var(--first)" is a colour of the style sheet: Plotly wants the colour itself.
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

  // Airflow shows the page in a frame that may open no window and may not leave itself: the document around it may.
  // Airflow's own pages replace this one; others get a window of their own.
  const open = (event) => {
    const link = event.target.closest("a[data-out]");
    if (!link || event.defaultPrevented || (event.type === "auxclick" && event.button !== 1)) return;
    const inside = new URL(link.href).origin === window.location.origin;
    const apart = !inside || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    let page = document;
    try {
      page = window.parent.document;
    } catch {
      // framed by another origin: then it stays in this frame
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
