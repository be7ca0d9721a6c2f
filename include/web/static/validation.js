// Copy the values of a form. Airflow's frame may deny the clipboard's newer interface, so the selection is copied.
"use strict";
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copies);
  text.focus();
  text.select();
  button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
});
