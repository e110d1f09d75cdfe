// Logging in with a wallet, by a message of ERC-4361.

import type { Hex } from "viem";
import { requestAddresses, signMessage } from "viem/actions";
import { createSiweMessage } from "viem/siwe";
import { wallet } from "./provider";

/** What the server asks to be signed. */
interface ToSign {
  domain: string;
  uri: string;
  version: "1";
  chainId: number;
  nonce: string;
  expiresAt: number;
}

/** A message that a wallet has signed. */
export interface SignedIn {
  message: string;
  signature: Hex;
}

/** Asks the wallet to sign that its owner logs in here. */
export async function signIn(): Promise<SignedIn> {
  const client = wallet();
  const [address] = await requestAddresses(client);
  if (!address) throw new Error("The wallet shows no account.");
  const asked = await post<ToSign>("/api/v1/auth/siwe/nonce", null);
  const { domain, uri, version, chainId, nonce, expiresAt } = asked;
  const expirationTime = new Date(expiresAt * 1000);
  const statement = "Log in. This costs nothing.";
  const message = createSiweMessage({ address, domain, uri, version, chainId, nonce, expirationTime, statement });
  const signature = await signMessage(client, { account: address, message });
  return { message, signature };
}

/** Posts JSON to this server; what it answers. */
export async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as T & { detail?: string };
  if (!response.ok) throw new Error(answer.detail ?? `The server answers ${response.status}.`);
  return answer;
}
