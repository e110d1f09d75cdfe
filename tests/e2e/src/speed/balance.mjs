// What a program with viem does to read a balance: node balance.mjs URL CONTRACT PLAN HOLDER

import { createPublicClient, http, parseAbi } from "viem";

const [url, address, plan, holder] = process.argv.slice(2);
const client = createPublicClient({ transport: http(url) });
const balance = await client.readContract({
  address,
  abi: parseAbi(["function balanceOf(address account, uint256 id) view returns (uint256)"]),
  functionName: "balanceOf",
  args: [holder, BigInt(plan)],
});
console.log(JSON.stringify({ plan, holder, balance: balance.toString() }));
