// Parts of a page that keep themselves fresh: <div data-refresh="/address" data-refresh-seconds="5">.
// With data-refresh-by="plate" the part itself says when it is old (data-seconds on its first child).
// What somebody is typing in is left alone; when the network is away the old part stays.
"use strict";

document.querySelectorAll("[data-refresh]").forEach((part) => {
  const wait = () => {
    const own = Number(part.querySelector("[data-seconds]")?.dataset.seconds || 30);
    return (part.dataset.refreshBy === "plate" ? own : Number(part.dataset.refreshSeconds)) * 1000;
  };
  const refresh = async () => {
    const isBusy = part.contains(document.activeElement) && document.activeElement.matches("input, button");
    if (!document.hidden && !isBusy) {
      const answer = await fetch(part.dataset.refresh, { headers: { Accept: "text/html" } }).catch(() => null);
      if (answer?.ok && !answer.redirected) {
        part.innerHTML = await answer.text();
        part.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
      }
    }
    setTimeout(refresh, Math.max(wait(), 1000));
  };
  setTimeout(refresh, Math.max(wait(), 1000));
});

// The bar that runs out with the code: <progress data-countdown>.
setInterval(() => {
  document.querySelectorAll("progress[data-countdown]").forEach((bar) => {
    bar.value = Math.max(0, bar.value - 1);
  });
  document.querySelectorAll("[data-count]").forEach((text) => {
    text.textContent = String(Math.max(0, Number(text.textContent) - 1));
  });
}, 1000);

// "Only the code": the crowd does not read the list of names.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-only-code]")) document.body.classList.toggle("only-code");
});
