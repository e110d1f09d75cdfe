// The wallet in the browser.

import { createClient, custom, type Client, type EIP1193Provider } from "viem";

declare global {
  interface Window {
    ethereum?: EIP1193Provider;
  }
}

interface Announced {
  info: { name: string };
  provider: EIP1193Provider;
}

/** The wallets that have announced themselves (EIP-6963). */
const announced: Announced[] = [];
window.addEventListener("eip6963:announceProvider", (event) => {
  announced.push((event as CustomEvent<Announced>).detail);
});
window.dispatchEvent(new Event("eip6963:requestProvider"));

/** The wallet, as a client of viem: the one that took `window.ethereum`, else the first that has announced itself. */
export function wallet(): Client {
  const provider = window.ethereum ?? announced[0]?.provider;
  if (!provider) {
    throw new Error("There is no wallet in this browser. Install one, and load this page again.");
  }
  return createClient({ transport: custom(provider) });
}

/** What went wrong, for people. */
export function said(error: unknown): string {
  if (error && typeof error === "object") {
    const { shortMessage, message } = error as { shortMessage?: unknown; message?: unknown };
    if (typeof shortMessage === "string") return shortMessage;
    if (typeof message === "string") return message;
  }
  return String(error);
}
