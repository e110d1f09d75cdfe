// Sending and signing what the server has handed out.

import type { Address, Client, Hex } from "viem";
import { getChainId, requestAddresses, sendTransaction, switchChain, waitForTransactionReceipt } from "viem/actions";
import { wallet } from "./provider";

/** The parameter of wallet_sendCalls (EIP-5792), as the server writes it. */
export interface Calls {
  chainId: Hex;
  from: Address;
  calls: { to: Address; data?: Hex; value?: Hex }[];
}

/**
 * Has the wallet send calls one after the other, each when the one before is mined; tells which one it is at. What is sent is not
 * asked for again: of the last it is an error that it has failed, and none that nobody knows yet.
 */
export async function send(calls: Calls, tell: (text: string) => void): Promise<void> {
  const client = wallet();
  const account = await accountOf(client, calls.from);
  for (const [place, { to, data, value }] of calls.calls.entries()) {
    const which = calls.calls.length > 1 ? `Transaction ${place + 1} of ${calls.calls.length}` : "The transaction";
    // Each time: the wallet's owner may have turned it elsewhere since.
    await turnTo(client, Number(calls.chainId));
    tell(`${which} waits for your signature.`);
    const hash = await sendTransaction(client, {
      account,
      chain: null,
      to,
      ...(data === undefined ? {} : { data }),
      value: BigInt(value ?? "0x0"),
    });
    tell(`${which} is pending: ${hash}`);
    const isLast = place + 1 === calls.calls.length;
    const mined = await waitForTransactionReceipt(client, { hash, timeout: 0 }).catch((error: unknown) => {
      if (!isLast) throw error;
    });
    if (mined && mined.status !== "success") throw new Error(`${which} has failed: ${hash}`);
  }
}

/** What a wallet is to sign by EIP-712, as the server writes it. */
export interface ToSign {
  from: Address;
  chainId: number;
  typedData: string;
}

/** Has the wallet sign. What is signed reaches it as the server wrote it. */
export async function sign({ from, chainId, typedData }: ToSign): Promise<Hex> {
  const client = wallet();
  const account = await accountOf(client, from);
  await turnTo(client, chainId);
  return client.request({ method: "eth_signTypedData_v4", params: [account, typedData] });
}

/** The wallet's account with which its owner has logged in. */
async function accountOf(client: Client, from: Address): Promise<Address> {
  const accounts = await requestAddresses(client);
  const account = accounts.find((one) => one.toLowerCase() === from.toLowerCase());
  if (!account) throw new Error(`The wallet does not show ${from}, with which you have logged in. Choose that account there.`);
  return account;
}

async function turnTo(client: Client, chainId: number): Promise<void> {
  if ((await getChainId(client)) === chainId) return;
  try {
    await switchChain(client, { id: chainId });
  } catch {
    throw new Error(`The wallet is on another chain. Turn it to chain ${chainId}, and try again.`);
  }
}
