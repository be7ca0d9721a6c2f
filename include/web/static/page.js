// Draw the page's charts in the colours of the style sheet.
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
})();
