// @ts-check
// A browser that a story drives: reads one command a line, as JSON, and answers each with a line. What a command is, the story's
// side says: tests/e2e/src/browser.

import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'
import { createWalletClient, http, numberToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Frame} Frame */
/** @typedef {import('playwright-core').Locator} Locator */
/**
 * @typedef {object} Where a page, the frames inside one another by what is in their URLs, and what to find there
 * @property {number} page
 * @property {string[]} frames
 * @property {{ kind: 'role', role: any, name: string } | { kind: 'label' | 'text' | 'css', value: string }} find
 */
/** @typedef {{ do: string, where?: Where, page?: number, [more: string]: any }} Command */

/** How long anything may take, in milliseconds. */
const PATIENCE = 60_000

const executablePath = process.env.SCRIP_CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // As browsers are for more and more people: no cookie of another site in a frame, unless it is partitioned.
    '--test-third-party-cookie-phaseout',
  ],
})
const context = await browser.newContext({ viewport: { width: 1000, height: 900 } })
context.setDefaultTimeout(PATIENCE)

/** @type {Page[]} */
const pages = []
/** @type {string[]} */
const said = []
context.on('page', (page) => {
  pages.push(page)
  page.on('pageerror', (error) => said.push(`error: ${error.message}`))
})
context.on('console', (message) => said.push(`${message.type()}: ${message.text()}`))

/** @param {number | undefined} index */
const pageAt = (index) => {
  const page = pages[index ?? 0]
  if (!page) throw new Error(`there is no page ${index}; there are ${pages.length}`)
  return page
}

/**
 * The frame whose URL has this in it, inside another, once it is there.
 * @param {Page} page
 * @param {string[]} names
 */
const frameOf = async (page, names) => {
  const ends = Date.now() + PATIENCE
  for (;;) {
    /** @type {Frame | undefined} */
    let frame = page.mainFrame()
    for (const name of names) {
      frame = frame?.childFrames().find((child) => child.url().includes(name))
    }
    if (frame) return frame
    if (Date.now() > ends) {
      const urls = page.frames().map((frame) => frame.url())
      throw new Error(`no frame ${names.join(' > ')} among ${urls.join(', ')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** @param {Where} where @returns {Promise<Locator>} */
const locate = async ({ page, frames, find }) => {
  const frame = await frameOf(pageAt(page), frames)
  switch (find.kind) {
    case 'role':
      return frame.getByRole(find.role, { name: find.name }).first()
    case 'label':
      return frame.getByLabel(find.value).first()
    case 'text':
      return frame.getByText(find.value).first()
    case 'css':
      return frame.locator(find.value).first()
  }
}

/** @param {Command} command */
const found = (command) => {
  if (!command.where) throw new Error(`${command.do} needs a place`)
  return locate(command.where)
}

/** Clicks, and waits for the page that this opens. @param {Command} command */
const clickOpening = async (command) => {
  const [opened] = await Promise.all([
    pageAt(command.where?.page).waitForEvent('popup'),
    (await found(command)).click(),
  ])
  await opened.waitForLoadState()
  return pages.indexOf(opened)
}

/**
 * A wallet in every page and frame (EIP-1193, announced by EIP-6963): its key signs here, and the node sends. What it is asked
 * for is told, and it refuses while it is told to.
 * @param {{ key: `0x${string}`, rpc: string, chain: number }} of
 */
const installWallet = async ({ key, rpc, chain }) => {
  const account = privateKeyToAccount(key)
  const transport = http(rpc)
  const client = createWalletClient({ account, transport })
  await context.exposeBinding('scripTestWallet', async (_, method, params = []) => {
    asked.push(method)
    if (refuses) return { error: { code: 4001, message: 'User rejected the request.' } }
    try {
      return { result: await answer(method, params) }
    } catch (error) {
      const { code = -32603, shortMessage, message } = /** @type {any} */ (error)
      return { error: { code, message: shortMessage ?? message } }
    }
  })
  /** @param {string} method @param {any[]} params */
  const answer = async (method, params) => {
    switch (method) {
      case 'eth_requestAccounts':
      case 'eth_accounts':
        return [account.address]
      case 'eth_chainId':
        return numberToHex(chain)
      case 'wallet_switchEthereumChain':
        return null
      case 'personal_sign':
        return account.signMessage({ message: { raw: params[0] } })
      case 'eth_signTypedData_v4':
        return account.signTypedData(JSON.parse(params[1]))
      case 'eth_sendTransaction': {
        const { from: _, gas, value, ...call } = params[0]
        return client.sendTransaction({
          ...call,
          chain: null,
          value: BigInt(value ?? 0),
          gas: gas ? BigInt(gas) : undefined,
        })
      }
      default:
        return client.request({ method: /** @type {any} */ (method), params: /** @type {any} */ (params) })
    }
  }
  await context.addInitScript(() => {
    const w = /** @type {any} */ (window)
    /** @param {{ method: string, params?: unknown[] }} asked */
    const request = async ({ method, params }) => {
      const { result, error } = await w.scripTestWallet(method, params)
      if (error) throw Object.assign(new Error(error.message), { code: error.code })
      return result
    }
    const provider = { request, on: () => {}, removeListener: () => {} }
    w.ethereum = provider
    const info = { uuid: '6f1b0f2e-6d0a-4f0e-9f0c-8f6f5f3b7a10', name: 'Test wallet', icon: 'data:,', rdns: 'test.wallet' }
    const announce = () =>
      window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
    window.addEventListener('eip6963:requestProvider', announce)
    announce()
  })
}
/** @type {string[]} */
const asked = []
let refuses = false

/** @type {Record<string, (command: Command) => Promise<any>>} */
const can = {
  open: async ({ url }) => {
    const page = await context.newPage()
    await page.goto(url)
    return pages.indexOf(page)
  },
  goto: async ({ page, url }) => void (await pageAt(page).goto(url)),
  reload: async ({ page }) => void (await pageAt(page).reload()),
  close: async ({ page }) => void (await pageAt(page).close()),
  url: async ({ page }) => pageAt(page).url(),
  title: async ({ page }) => pageAt(page).title(),
  size: async ({ page, width, height }) => void (await pageAt(page).setViewportSize({ width, height })),
  scheme: async ({ page, scheme }) => void (await pageAt(page).emulateMedia({ colorScheme: scheme })),
  press: async ({ page, key }) => void (await pageAt(page).keyboard.press(key)),
  pressOpening: async ({ page, key }) => {
    const one = pageAt(page)
    const [opened] = await Promise.all([one.waitForEvent('popup'), one.keyboard.press(key)])
    await opened.waitForLoadState()
    return pages.indexOf(opened)
  },
  type: async ({ page, text }) => void (await pageAt(page).keyboard.type(text)),
  shot: async ({ page, path }) => void (await pageAt(page).screenshot({ path, fullPage: true })),
  closes: async ({ page }) => {
    const one = pageAt(page)
    if (!one.isClosed()) await one.waitForEvent('close')
  },
  click: async (command) => void (await (await found(command)).click()),
  clickOpening,
  fill: async (command) => void (await (await found(command)).fill(command.text)),
  select: async (command) => void (await (await found(command)).selectOption(command.text)),
  attach: async (command) => void (await (await found(command)).setInputFiles(command.text)),
  focus: async (command) => void (await (await found(command)).focus()),
  see: async (command) => void (await (await found(command)).waitFor({ state: 'visible' })),
  miss: async (command) => void (await (await found(command)).waitFor({ state: 'hidden' })),
  text: async (command) => (await found(command)).innerText(),
  value: async (command) => (await found(command)).inputValue(),
  isThere: async (command) => (await (await found(command)).count()) > 0,
  run: async ({ page, frames, script }) => (await frameOf(pageAt(page), frames ?? [])).evaluate(script),
  frames: async ({ page }) => pageAt(page).frames().map((frame) => frame.url()),
  wallet: async (command) => installWallet(/** @type {any} */ (command)),
  walletRefuses: async (command) => void (refuses = command.refuses),
  walletAsked: async () => asked.splice(0),
  said: async () => said.splice(0),
  // Another server in the place of one that cannot be reached from here; redirects are the browser's to follow.
  route: async ({ origin, to }) => {
    await context.route(`${origin}/**`, async (route) => {
      const request = route.request()
      const url = request.url().replace(origin, to)
      const response = await fetch(url, {
        method: request.method(),
        headers: { 'content-type': request.headers()['content-type'] ?? 'text/plain' },
        body: request.method() === 'GET' ? undefined : (request.postData() ?? ''),
        redirect: 'manual',
      })
      const body = Buffer.from(await response.arrayBuffer())
      await route.fulfill({ status: response.status, headers: Object.fromEntries(response.headers), body })
    })
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  /** @type {Command} */
  const command = JSON.parse(line)
  try {
    const one = can[command.do]
    if (!one) throw new Error(`there is no ${command.do}`)
    process.stdout.write(`${JSON.stringify({ done: (await one(command)) ?? null })}\n`)
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ failed: String(/** @type {any} */ (error).message ?? error) })}\n`)
  }
}
await browser.close()
