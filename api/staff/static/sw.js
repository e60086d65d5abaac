// Serves the page for booking without a network; everything else goes to the server as ever.
const WAIT_S = 4;

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  if (address.pathname === "/book") event.respondWith(newestPage(event.request));
  else if (address.pathname.startsWith("/static/")) event.respondWith(kept(event.request));
});

async function newestPage(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(WAIT_S * 1000) });
  } catch (error) {
    const page = await caches.match("/book", { cacheName: "parstock-book" });
    if (page) return page;
    throw error;
  }
}

async function kept(request) {
  return (await caches.match(request, { cacheName: "parstock-book" })) || fetch(request);
}
