// Parts of a page that keep themselves fresh: <div data-refresh="/address" data-refresh-seconds="5">.
// With data-refresh-by="plate" the part itself says when it is old (data-seconds on its first child),
// and with data-refresh-none="id" it gives way to that <template> once it is of no use any more
// (data-stale-seconds). What somebody is typing in is left alone; without a network the rest stays.
//
// Only the server knows what time it is; here seconds are merely counted from the moment of asking.
// Of two clocks the one that counts more is believed: one may stand still while the tablet sleeps,
// the other may be set by hand.
"use strict";

(() => {
  const TICK_MS = 1000;
  const RETRY_SECONDS = 2;
  const ANSWER_MS_MAX = 8000;
  const PERIOD_SECONDS = 30;
  const WAKING = ["visibilitychange", "resume"];

  const now = () => ({ wall: Date.now(), steady: performance.now() });
  const since = (then) => Math.max(Date.now() - then.wall, performance.now() - then.steady) / 1000;

  const ask = async (address) => {
    const options = { headers: { Accept: "text/html" }, signal: AbortSignal.timeout?.(ANSWER_MS_MAX) };
    const answer = await fetch(address, options).catch(() => null);
    return answer?.ok && !answer.redirected ? answer.text().catch(() => null) : null;
  };

  const keepFresh = (part) => {
    const none = document.getElementById(part.dataset.refreshNone);
    let shown = now();
    let asked = shown;
    let isAsking = false;
    let isGone = false;

    const seconds = (name) => Number(part.querySelector("[data-seconds]")?.dataset[name]) || null;
    const period = () => {
      if (isGone) return 0;
      return part.dataset.refreshBy === "plate" ? seconds("seconds") ?? PERIOD_SECONDS : Number(part.dataset.refreshSeconds);
    };
    const isBusy = () => part.contains(document.activeElement) && document.activeElement.matches("input, button");

    const drop = () => {
      if (!none || isGone || since(shown) < (seconds("staleSeconds") ?? Infinity)) return;
      part.replaceChildren(none.content.cloneNode(true));
      isGone = true;
    };
    const count = () => {
      const left = Math.max(0, Math.round((seconds("seconds") ?? 0) - since(shown)));
      part.querySelectorAll("progress[data-countdown]").forEach((bar) => { bar.value = left; });
      part.querySelectorAll("[data-count]").forEach((text) => { text.textContent = String(left); });
    };
    const refresh = async () => {
      isAsking = true;
      asked = now();
      const text = await ask(part.dataset.refresh);
      isAsking = false;
      if (text === null) return;
      part.innerHTML = text;
      [shown, isGone] = [asked, false];
      drop();
    };
    const tick = (isWaking) => {
      drop();
      count();
      const isDue = since(shown) >= period() && (isWaking || since(asked) >= RETRY_SECONDS);
      if (isDue && !isAsking && !document.hidden && !isBusy()) refresh();
    };
    setInterval(tick, TICK_MS, false);
    WAKING.forEach((name) => document.addEventListener(name, () => tick(true)));
    ["pageshow", "online"].forEach((name) => window.addEventListener(name, () => tick(true)));
  };

  document.querySelectorAll("[data-refresh]").forEach(keepFresh);
})();

// "Only the code": the crowd does not read the list of names.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-only-code]")) document.body.classList.toggle("only-code");
});
