// A page on which something is under way: looks now and then how much of it there is, and is loaded again when that has changed.

/** How long until it is looked again, in milliseconds. */
const OFTEN = 2_000;

const pending = (page: Document): string | undefined => page.querySelector("main")?.dataset.pending;

const look = async (): Promise<void> => {
  try {
    const response = await fetch(location.href);
    const now = new DOMParser().parseFromString(await response.text(), "text/html");
    // Whoever is not logged in any more is sent to where one logs in.
    if (response.redirected || (response.ok && pending(now) !== pending(document))) {
      location.reload();
      return;
    }
  } catch {
    // The server cannot be reached now; it is looked again.
  }
  setTimeout(look, OFTEN);
};
setTimeout(look, OFTEN);

export {};
