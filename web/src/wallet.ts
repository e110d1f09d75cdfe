// The script of the builder's pages: logs in with a wallet, and has it send what the server hands out.

import { post, signIn } from "./log_in";
import { said } from "./provider";
import { send, type Calls } from "./send";

/** Shows a button, which needs this script, and does something when it is pressed; beside it is said how that goes. */
function wire(attribute: string, does: (value: string, button: HTMLElement, tell: (text: string) => void) => Promise<void>): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>(`button[${attribute}]`)) {
    const status = button.parentElement?.querySelector<HTMLElement>("[data-said]");
    const tell = (text: string): void => {
      if (status) status.textContent = text;
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      button.disabled = true;
      does(button.getAttribute(attribute) ?? "", button, tell)
        .catch((error: unknown) => tell(said(error)))
        .finally(() => {
          button.disabled = false;
        });
    });
  }
}

wire("data-log-in", async (next, _, tell) => {
  tell("Your wallet asks you to sign.");
  const { next: path } = await post<{ next: string }>("/login/wallet", { ...(await signIn()), next });
  location.assign(path);
});

wire("data-calls", async (calls, button, tell) => {
  await send(JSON.parse(calls) as Calls, tell);
  tell("Done.");
  location.assign(button.dataset["next"] ?? location.href);
});

wire("data-copy", async (text, _, tell) => {
  await navigator.clipboard.writeText(text);
  tell("Copied.");
});
