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
  const addressOf = (link, name) => link + encodeURIComponent(name) + window.location.search;
  const cell = (tag, text, scope) => {
    const made = document.createElement(tag);
    if (scope) made.scope = scope;
    made.textContent = text ?? "–";
    return made;
  };
  const readable = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : value);
  const rowOf = (header, values) => {
    const row = document.createElement("tr");
    row.append(header, ...values.map((value) => cell("td", readable(value))));
    return row;
  };
  // One row for each feature of a heat map, or for each period or bin of another chart.
  const table = ({ data }, { dataset }) => {
    const made = document.createElement("table");
    const head = document.createElement("tr");
    const body = document.createElement("tbody");
    if (data[0].type === "heatmap") {
      head.append(cell("th", "feature", "col"), ...data[0].meta.dates.map((date) => cell("th", date, "col")));
      data[0].y.forEach((name, number) => {
        const header = cell("th", dataset.link ? "" : name, "row");
        if (dataset.link) {
          const link = document.createElement("a");
          link.href = addressOf(dataset.link, name);
          link.textContent = name;
          header.append(link);
        }
        body.append(rowOf(header, data[0].z[number]));
      });
    } else {
      const traces = data.filter((trace) => trace.hoverinfo !== "skip" && trace.y);
      const rows = new Map();
      traces.forEach((trace, column) => {
        trace.x.forEach((x, number) => {
          const name = trace.type === "bar" && trace.textposition === "none" ? trace.text[number] : x;
          if (!rows.has(name)) rows.set(name, Array(traces.length).fill(null));
          rows.get(name)[column] = trace.y[number];
        });
      });
      const isOfBins = traces[0]?.textposition === "none";
      head.append(cell("th", isOfBins ? "bin" : "at", "col"), ...traces.map((trace) => cell("th", trace.name, "col")));
      for (const [name, values] of [...rows].reverse()) {
        if (values.some((value) => value !== null)) body.append(rowOf(cell("th", name, "row"), values));
      }
    }
    const top = document.createElement("thead");
    top.append(head);
    made.append(top, body);
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Values of the chart");
    scroll.append(made);
    return scroll;
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

  // A click on a row of a chart with links opens the page of what it is about.
  for (const place of document.querySelectorAll(".chart[data-link]")) {
    place.on("plotly_click", ({ points }) => {
      window.location.assign(addressOf(place.dataset.link, points[0].y));
    });
  }

  // The table behind a chart is built when it is opened: a year of a chart is thousands of cells.
  for (const details of document.querySelectorAll("details[data-values]")) {
    details.addEventListener("toggle", () => {
      if (details.open && !details.querySelector("table")) details.append(table(figures[details.dataset.values], details));
    });
  }
})();
