# An agent of FastAPI that is sold by the SDK's own middleware, and a buyer who pays it with the SDK. It prints what the buyer
# sees, one line a fact.
import base64
import json
import os
import socket
import threading
import time

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from payments_py import Payments, PaymentOptions
from payments_py.x402.fastapi import X402_HEADERS, PaymentMiddleware

PLAN, AGENT = os.environ["PLAN"], os.environ["AGENT"]


def payments(key):
    return Payments.get_instance(PaymentOptions(nvm_api_key=os.environ[key], environment="custom"))


# The seller.
app = FastAPI()
app.add_middleware(
    PaymentMiddleware,
    payments=payments("BUILDER_KEY"),
    routes={
        "POST /ask": {"plan_id": PLAN, "agent_id": AGENT, "credits": 2},
        "POST /fail": {"plan_id": PLAN, "agent_id": AGENT, "credits": 2},
        "POST /dear": {"plan_id": PLAN, "agent_id": AGENT, "credits": 1000},
    },
)


@app.post("/ask")
async def ask(request: Request):
    question = (await request.json())["query"]
    return {"answer": f"You asked: {question}"}


@app.post("/dear")
async def dear():
    return {"answer": "delivered"}


@app.post("/fail")
async def fail():
    return JSONResponse(status_code=500, content={"error": "the agent failed"})


# On a port of its own, beside the buyer.
listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}"
while not server.started:
    time.sleep(0.01)

# The buyer.
buyer = payments("SUBSCRIBER_KEY")


def balance():
    return buyer.plans.get_plan_balance(PLAN).balance


def call(path, token=None):
    headers = {X402_HEADERS["PAYMENT_SIGNATURE"]: token} if token else {}
    return httpx.post(url + path, json={"query": "Hello!"}, headers=headers, timeout=30)


def said(response, header):
    value = response.headers.get(header)
    return json.loads(base64.b64decode(value)) if value else None


unpaid = call("/ask")
offer = said(unpaid, "payment-required")
print(f"Without a token: {unpaid.status_code}, {offer['accepts'][0]['scheme']} of the plan: {offer['accepts'][0]['planId'] == PLAN}")
print(f"With garbage: {call('/ask', 'garbage').status_code}")

token = buyer.x402.get_x402_access_token(PLAN, AGENT)["accessToken"]
print(f"Token before the order: {call('/ask', token).status_code}, balance {balance()}")

buyer.plans.order_plan(PLAN)
print(f"Balance: {balance()}")
paid = call("/ask", token)
receipt = said(paid, "payment-response")
print(f"Paid: {paid.status_code}, {paid.json()['answer']}")
print(f"Receipt: {receipt['success']}, {receipt['creditsRedeemed']} credits")
print(f"Balance after a call: {balance()}")
print(f"Again: {call('/ask', token).status_code}, balance {balance()}")
print(f"A failure: {call('/fail', token).status_code}, balance {balance()}")
print(f"Too dear: {call('/dear', token).status_code}, balance {balance()}")
server.should_exit = True
