// Adds up the notes and coins of a count while they are typed. Without it the server adds up.
"use strict";
(() => {
  const form = document.querySelector("[data-counting]");
  if (!form) return;
  const fields = [...form.querySelectorAll("[data-worth]")];
  const total = form.querySelector("[data-total]");
  const yuan = (fen) => `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, "0")}`;
  // Full-width digits are what a Chinese keyboard types.
  const pieces = (field) => {
    const text = field.value.normalize("NFKC").trim();
    return /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  };
  const add = () => {
    let sum = 0;
    for (const field of fields) {
      const worth = pieces(field) * Number(field.dataset.worth);
      form.querySelector(`[data-sum-of="${field.id}"]`).textContent = worth ? yuan(worth) : "";
      sum += worth;
    }
    total.textContent = yuan(sum);
  };
  form.addEventListener("input", add);
  // Enter goes to the next line instead of sending half a count.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    const next = fields[fields.indexOf(event.target) + 1];
    if (!fields.includes(event.target) || !next) return;
    event.preventDefault();
    next.focus();
    next.select();
  });
  add();
})();
