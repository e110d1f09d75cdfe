// The widget, in a frame of somebody's page: shows who is logged in and what is left, and tells the page its access token.

/** A plan, as the server shows it. */
interface Plan {
  id: string;
  title: string;
  price: string;
  gives: string;
  payment: "free" | "wallet" | "quoted" | "card" | "peruse";
  isOpen: boolean;
  isTime: boolean;
  left: number;
  /** In unix seconds. */
  endsAt: number | null;
  /** Whether a voucher has to be signed before any of it can be used. */
  toSign: boolean;
  isLow: boolean;
}

interface Look {
  account: string | null;
  plans: Plan[];
  plan: string | null;
  token: { accessToken: string; hash: string } | null;
  proxyUrl: string;
}

const main = document.querySelector("main")!;
const agent = main.dataset.agent!;
/** The pages that may show the widget. */
const origins: string[] = JSON.parse(main.dataset.origins!);
const line = document.querySelector<HTMLElement>("#status")!;
const body = document.querySelector<HTMLElement>("#body")!;

/** How long until it is looked again, in milliseconds. */
const SOON = 1_500;
const OFTEN = 5_000;
const SELDOM = 60_000;

/** For browsers that keep no cookies in frames. It is nowhere but here. */
let session: string | undefined;
let token: { accessToken: string; hash: string } | undefined;
let opened: Window | null = null;
/** Whether the page knows a token. */
let isTold = false;
let shown = "";
let timer: number | undefined;
/** Looks are numbered: an answer that comes behind a later one is not shown. */
let looks = 0;

/** Tells the page something, if it is one that may show the widget: a browser gives it to no other origin. */
const tell = (message: object): void => {
  if (window.parent === window) return;
  const around = location.ancestorOrigins?.[0];
  const to = around === undefined ? origins : origins.filter((origin) => origin === around);
  for (const origin of to) window.parent.postMessage(message, origin);
};

const post = async <T>(path: string, content: object): Promise<T> => {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (session !== undefined) headers["scrip-widget-session"] = session;
  const response = await fetch(`/widget/${agent}/${path}`, { method: "POST", headers, body: JSON.stringify(content) });
  const answer = (await response.json()) as T & { detail?: string };
  if (!response.ok) throw new Error(answer.detail ?? `The server answers ${response.status}.`);
  return answer;
};

const look = async (): Promise<void> => {
  const number = ++looks;
  clearTimeout(timer);
  try {
    const found = await post<Look>("look", { token: token?.hash ?? null });
    if (number !== looks) return;
    if (found.token) token = found.token;
    if (found.account === null) token = undefined;
    show(found);
    if (found.plan !== null && token) {
      // Each time: whoever listens may have begun to just now.
      isTold = true;
      tell({
        type: "streamlit:token",
        data: { jwtToken: { accessToken: token.accessToken }, proxyUrl: found.proxyUrl },
      });
    } else if (isTold) {
      isTold = false;
      tell({ type: "scrip:ended" });
    }
  } catch {
    if (number !== looks) return;
    say("The server cannot be reached now. This goes on by itself.");
  }
  const isWaiting = opened !== null && !opened.closed;
  timer = window.setTimeout(look, isWaiting ? SOON : document.visibilityState === "visible" ? OFTEN : SELDOM);
};

/** Logs in and buys in a window of the server's own: wallets do not reach into frames, nor do cookies. */
const openWindow = (plan?: string): void => {
  const query = plan === undefined ? "" : `?plan=${plan}`;
  opened = window.open(`/widget/${agent}/window${query}`, `scrip-${agent}`, "popup,width=480,height=760");
  if (opened) {
    say("Go on in the window that has opened.");
    void look();
  } else {
    say("Your browser has blocked the window. Allow it, and try again.");
  }
};

const logOut = async (): Promise<void> => {
  try {
    await post("end", { token: token?.hash ?? null });
  } finally {
    session = undefined;
    token = undefined;
    await look();
  }
};

const say = (text: string): void => {
  if (line.textContent !== text) line.textContent = text;
};

const element = (name: string, text?: string, kind?: string): HTMLElement => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind !== undefined) made.className = kind;
  return made;
};

const button = (id: string, text: string, click: () => void, kind?: string): HTMLElement => {
  const made = element("button", text, kind) as HTMLButtonElement;
  made.id = id;
  made.type = "button";
  made.addEventListener("click", click);
  return made;
};

const date = (seconds: number): string =>
  new Date(seconds * 1_000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const credits = (count: number): string => `${count} credit${count === 1 ? "" : "s"}`;

/** What is left of a plan, in words. */
const left = (plan: Plan): string => {
  if (plan.isTime) return `${plan.title}: access until ${date(plan.endsAt ?? 0)}`;
  const until = plan.endsAt === null ? "" : `, the first of them until ${date(plan.endsAt)}`;
  return `${plan.title}: ${credits(plan.left)} left${until}`;
};

const planItem = (plan: Plan, isLoggedIn: boolean): HTMLElement => {
  const item = element("li");
  const text = element("span");
  text.append(element("strong", plan.title), ` ${plan.gives}, ${plan.price}`);
  item.append(text);
  if (plan.toSign) {
    const sign = button(`sign-${plan.id}`, "Sign", () => openWindow(plan.id));
    sign.setAttribute("aria-label", `Sign: ${plan.title}`);
    item.append(sign);
  }
  if (isLoggedIn && plan.isOpen && plan.payment !== "peruse") {
    const verb = plan.left > 0 ? "Buy more" : plan.payment === "free" ? "Get" : "Buy";
    const buy = button(`buy-${plan.id}`, verb, () => openWindow(plan.id));
    buy.setAttribute("aria-label", `${verb}: ${plan.title}`);
    item.append(buy);
  }
  return item;
};

const show = (found: Look): void => {
  const text = JSON.stringify([found.account, found.plans, found.plan]);
  if (text === shown) return;
  shown = text;
  const focused = document.activeElement?.id;
  const parts: Node[] = [];
  const current = found.plans.find((plan) => plan.id === found.plan);
  const toSign = found.plans.find((plan) => plan.toSign);
  const plans = element("ul");
  plans.append(...found.plans.map((plan) => planItem(plan, found.account !== null)));
  if (found.account === null) {
    say("Log in to use this service.");
    parts.push(
      button("log-in", "Log in", () => openWindow(), "main"),
      plans,
    );
  } else {
    if (current) {
      const ends = current.isTime ? "Your access ends soon." : "Few credits are left.";
      say(current.isLow ? `${left(current)}. ${ends}` : left(current));
    } else if (toSign) {
      say(`${left(toSign)}. They wait for your signature.`);
    } else {
      say(found.plans.length === 0 ? "No plan opens this service now." : "Nothing is left. Choose a plan.");
    }
    line.classList.toggle("low", current === undefined || current.isLow);
    const own = element("p", `Logged in as ${found.account.slice(0, 6)}…${found.account.slice(-4)} `, "own");
    own.append(button("log-out", "Log out", () => void logOut(), "plain"));
    parts.push(plans, own);
  }
  body.replaceChildren(...parts);
  if (focused) document.getElementById(focused)?.focus();
};

window.addEventListener("message", ({ data, origin, source }: MessageEvent) => {
  if (origin === location.origin && source !== null && source === opened && data?.type === "scrip:grant") {
    void post<{ session: string }>("session", { grant: String(data.grant) })
      .then((begun) => {
        session = begun.session;
        (source as Window).postMessage({ type: "scrip:granted" }, location.origin);
      })
      .catch((error: Error) => say(error.message))
      .then(look);
    return;
  }
  // The page has asked the service, and wants to see what is left.
  if (source === window.parent && origins.includes(origin) && data?.type === "scrip:look") void look();
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void look();
});

new ResizeObserver(() => {
  tell({ type: "scrip:height", height: Math.ceil(document.documentElement.getBoundingClientRect().height) });
}).observe(document.documentElement);

void look();

export {};
