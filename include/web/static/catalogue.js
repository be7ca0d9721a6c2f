// Show the features that contain every word of the search, while it is typed. Without this script, the form searches.
"use strict";
(() => {
  const words = document.getElementById("words");
  const count = document.querySelector("#count b");
  const rows = document.querySelectorAll("#features tbody tr");
  const search = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !wanted.every((word) => row.dataset.words.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown;
  };
  words.addEventListener("input", search);
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  // "/" moves to the search, as on other pages with one.
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== words && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      words.focus();
    }
  });
})();
