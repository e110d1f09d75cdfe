// @ts-check
// Between Streamlit, which this frame is a component of, and Scrip's widget, which is a frame in it. Streamlit's side is the
// protocol of its components, version 1; the widget's is what it tells the page that embeds it.

/** @type {HTMLIFrameElement | undefined} */
let widget
/** The widget's origin: nothing is taken from another. */
let server = ''
/** What Streamlit was told last: it runs the app again each time that it is told. */
let told = 'null'

/** @param {string} type @param {object} more */
const tellStreamlit = (type, more) => {
  // Streamlit serves its components itself, so that the page around this frame is of the same origin; no other gets a token.
  window.parent.postMessage({ isStreamlitMessage: true, type, ...more }, window.location.origin)
}

/** @param {{ accessToken: string } | null} value */
const tellValue = (value) => {
  const text = JSON.stringify(value)
  if (text === told) return
  told = text
  tellStreamlit('streamlit:setComponentValue', { value, dataType: 'json' })
}

/** @param {number} height */
const setHeight = (height) => {
  if (widget) widget.style.height = `${height}px`
  tellStreamlit('streamlit:setFrameHeight', { height })
}

/** Streamlit has run the app. @param {{ did: string, server: string, height: number }} args */
const render = (args) => {
  const url = new URL('/streamlit', args.server)
  url.searchParams.set('did', args.did)
  if (widget?.src === url.href) {
    // The app may have asked the service: the widget looks what is left.
    widget.contentWindow?.postMessage({ type: 'scrip:look' }, server)
    return
  }
  widget?.remove()
  server = url.origin
  widget = document.createElement('iframe')
  widget.src = url.href
  widget.title = 'Log in and buy credits'
  document.body.append(widget)
  setHeight(args.height)
}

window.addEventListener('message', ({ data, origin, source }) => {
  if (source === window.parent && origin === window.location.origin && data?.type === 'streamlit:render') {
    render(data.args)
    return
  }
  if (!widget || source !== widget.contentWindow || origin !== server) return
  switch (data?.type) {
    case 'streamlit:token':
      tellValue({ accessToken: data.data.jwtToken.accessToken })
      break
    case 'scrip:ended':
      tellValue(null)
      break
    case 'scrip:height':
      setHeight(Math.min(Math.max(Number(data.height) || 0, 0), 2_000))
      break
  }
})

tellStreamlit('streamlit:componentReady', { apiVersion: 1 })
