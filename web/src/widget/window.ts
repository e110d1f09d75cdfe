// The window that the widget has opened: lets the widget know who is logged in, and asks a wallet to buy and to sign.

import { said } from "../provider";
import { send, sign, type Calls, type ToSign } from "../send";

const main = document.querySelector("main")!;
const agent = main.dataset.agent;
const line = document.querySelector<HTMLElement>("#status");

/**
 * For how long nothing can be pressed after this window is shown or turned to, in milliseconds: whoever opens it over another page
 * may have its visitor hold a key down there, or click twice.
 */
const UNTOUCHED = 1_000;

let untouched: number | undefined;
let focused: Element | null = null;
const guard = (): void => {
  if (untouched === undefined) focused = document.activeElement;
  clearTimeout(untouched);
  main.inert = true;
  untouched = window.setTimeout(() => {
    untouched = undefined;
    main.inert = false;
    if (focused instanceof HTMLElement) focused.focus();
  }, UNTOUCHED);
};
guard();
window.addEventListener("focus", guard);

/** How long the widget has to take what it is handed, in milliseconds. */
const PATIENCE = 10_000;

const say = (text: string): void => {
  if (line) line.textContent = text;
};

const post = async <T>(path: string, content: object): Promise<T> => {
  const response = await fetch(`/widget/${agent}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  // Whoever is not logged in any more is sent to where one logs in.
  if (response.redirected) location.reload();
  return (await response.json()) as T;
};

/** The widget that has opened this window, if it is there still. */
const widget = (): Window | null => (window.opener && !window.opener.closed ? window.opener : null);

/** Hands the widget what it begins its session with: to a page of this server, and to no other that may have opened this one. */
const handOver = async (): Promise<boolean> => {
  const opener = widget();
  if (!opener) return false;
  const { grant } = await post<{ grant: string }>("grant", {});
  const isTaken = new Promise<boolean>((resolve) => {
    window.addEventListener("message", ({ data, origin, source }) => {
      if (origin === location.origin && source === opener && data?.type === "scrip:granted") resolve(true);
    });
    setTimeout(() => resolve(false), PATIENCE);
  });
  opener.postMessage({ type: "scrip:grant", grant }, location.origin);
  return isTaken;
};

const proceed = document.querySelector<HTMLButtonElement>("#continue");
if (proceed && widget()) {
  proceed.hidden = false;
  proceed.addEventListener("click", async () => {
    proceed.disabled = true;
    const isTaken = await handOver();
    proceed.disabled = false;
    if (!isTaken) say("The app does not answer. Go back to it, and log in there again.");
    else if (main.dataset.access !== undefined) window.close();
    else say("You are logged in in the app. Choose a plan.");
  });
} else if (main.dataset.access !== undefined) {
  say("You can close this window, and go back to the app.");
}

// Who buys wants to use it in the app, which is let know before anything is paid: Stripe's pages may part this window from it.
for (const form of document.querySelectorAll<HTMLFormElement>("form[data-buy]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    void handOver()
      .catch(() => false)
      .then(() => form.submit());
  });
}

/** Has a button ask the wallet for something, after which a page is shown. */
const asking = (button: HTMLButtonElement, ask: () => Promise<string>): void => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await handOver().catch(() => false);
      say("Your wallet is asked.");
      location.assign(await ask());
    } catch (error) {
      button.disabled = false;
      say(said(error));
    }
  });
};

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-wallet]")) {
  asking(button, async () => {
    const { wallet: plan, had } = button.dataset;
    const { calls, detail } = await post<{ calls?: Calls; detail?: string }>("calls", { plan });
    if (!calls) throw new Error(detail);
    await send(calls, say);
    return `/widget/${agent}/window?bought=${plan}&had=${had}`;
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-sign]")) {
  asking(button, async () => {
    const plan = button.dataset.sign;
    const asked = await post<ToSign & { voucher?: string; detail?: string }>("voucher", { plan });
    const { voucher, detail } = asked;
    if (voucher === undefined) throw new Error(detail);
    const refused = await post<{ detail?: string }>("signed", { voucher, signature: await sign(asked) });
    if (refused.detail !== undefined) throw new Error(refused.detail);
    return `/widget/${agent}/window?plan=${plan}`;
  });
}
