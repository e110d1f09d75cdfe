# The snippets of the reference's page on Streamlit, as they stand there but for the URL of the iframe; around them what its app
# leaves out: the imports, and something to ask.
import os
import time

import requests
import streamlit as st
from streamlit.components.v1 import html
from streamlit_javascript import st_javascript

st.title("The app of the reference")
IFRAME = '<iframe src="https://testing.nevermined.app/streamlit?did=did:nv:5a06236a0bb1620c171a17a2e4d82935b1b63274011aeb1d9efcce87e83f0fee" style="border-radius: 10px; width: 100%;" />'
URL = "https://testing.nevermined.app/streamlit?did=did:nv:5a06236a0bb1620c171a17a2e4d82935b1b63274011aeb1d9efcce87e83f0fee"
st.markdown(IFRAME.replace(URL, os.environ["WIDGET_URL"]), unsafe_allow_html=True)

html("""
<script>
    parent.window.addEventListener('message', (e) => {
        if (e.data.type === 'streamlit:token') {
            parent.window.token = e.data;
        }
    },false);
</script>
""", height=0)

key = 0
while "nvm" not in st.session_state:
    key += 1
    token = st_javascript('parent.window.token', key=key)
    if token:
        st.session_state["nvm"] = {
            "jwt": token["data"]["jwtToken"]["accessToken"],
            "url": f'{token["data"]["proxyUrl"]}/ask'
        }
        break
    time.sleep(1)

token = st.session_state["nvm"]["jwt"]
url = st.session_state["nvm"]["url"]

data = {"payload": "payload to post to the service"}
headers = {"Authorization": f"Bearer {token}"}

if st.button("Ask the service"):
    response = requests.post(url, json=data, headers=headers)
    st.write(f"{response.status_code}: {response.text}")
