"""A chat with a model that is sold by the answer: `streamlit run chat.py`.

SCRIP_SERVER is where the Scrip server is, SCRIP_DID the service as "See the Agent" shows it: its upstream speaks OpenAI's API,
as Ollama, vLLM, llama.cpp and OpenAI do. SCRIP_MODEL names the model.
"""

import os

import requests
import streamlit as st

from scrip_streamlit import Login, scrip_login

DID = os.environ["SCRIP_DID"]
MODEL = os.environ.get("SCRIP_MODEL", "gpt-4o-mini")


def answer_of(login: Login, messages: list[dict[str, str]]) -> str | None:
    """What the model says; nothing when that must be paid for first, which is shown."""
    asked = {"model": MODEL, "messages": messages}
    response = requests.post(f"{login.proxy_url}/v1/chat/completions", json=asked, headers=login.headers, timeout=120)
    if response.status_code == 402:
        st.warning("Your credits are used up. Buy more in the sidebar, and ask again.")
        return None
    if not response.ok:
        st.error(f"The service could not answer, and has charged nothing ({response.status_code}).")
        return None
    return str(response.json()["choices"][0]["message"]["content"])


st.title("A chat by the answer")
messages: list[dict[str, str]] = st.session_state.setdefault("messages", [])
with st.sidebar:
    login = scrip_login(did=DID)
for message in messages:
    st.chat_message(message["role"]).write(message["content"])

if login is None:
    st.info("Log in and choose a plan in the sidebar; then ask.")
elif question := st.chat_input("Ask anything"):
    st.chat_message("user").write(question)
    said = answer_of(login, [*messages, {"role": "user", "content": question}])
    if said is not None:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": said}]
        # Once more from above, so that the widget looks what is left.
        st.rerun()
