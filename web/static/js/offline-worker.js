// Keeps the leader's page and what it needs on the device, so that it opens without a network.
// RELEASE stands above this text (web/pages/offline.py): the page's address, its files, and a mark made of their
// content. Another release is another text, so the browser takes the new worker, and the new worker drops the old files.
"use strict";

const PREFIX = "leader-";
const CACHE = PREFIX + RELEASE.mark;

const freshPage = async () => {
  const answer = await fetch(RELEASE.page, { credentials: "same-origin" }).catch(() => null);
  return answer?.ok && !answer.redirected ? answer : null;
};

const install = async () => {
  const page = (await freshPage()) ?? (await caches.match(RELEASE.page));
  const cache = await caches.open(CACHE);
  await cache.addAll(RELEASE.files);
  if (page) await cache.put(RELEASE.page, page);
  await self.skipWaiting();
};

const activate = async () => {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
};

// The page comes fresh where there is a network, and is kept for where there is none.
const opened = async (request) => {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) await cache.put(RELEASE.page, answer.clone());
    return answer;
  } catch (error) {
    return (await cache.match(RELEASE.page)) ?? Response.error();
  }
};

// Any other page of the leader without a network: the page that works without one, not the browser's error.
const elsewhere = async (request) => {
  try {
    return await fetch(request);
  } catch (error) {
    return (await caches.match(RELEASE.page)) ?? Response.error();
  }
};

// A file is asked for by its content's mark; a module that another one imports carries that one's mark, so by name.
const file = async (request) => {
  const cache = await caches.open(CACHE);
  const exact = await cache.match(request);
  if (exact) return exact;
  try {
    return await fetch(request);
  } catch (error) {
    const name = new URL(request.url).pathname.split("/").slice(3).join("/");
    const same = RELEASE.files.find((address) => address.split("/").slice(3).join("/") === name);
    return (same && (await cache.match(same))) ?? Response.error();
  }
};

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === RELEASE.page) event.respondWith(opened(request));
  else if (request.mode === "navigate") event.respondWith(elsewhere(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(file(request));
});
