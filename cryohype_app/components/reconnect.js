// Loads the page anew when the server was restarted; says so while it cannot be reached. The address holds the page's state.
const POLL_MS = 3000
const TIMEOUT_MS = 8000

async function instance() {
  const answer = await fetch("/api/v1/healthz", {cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS)})
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
  return (await answer.json()).instance
}

export function render({model}) {
  const sign = document.createElement("div")
  sign.setAttribute("role", "status")
  sign.style.cssText =
    "position:fixed;bottom:12px;left:50%;transform:translateX(-50%);padding:6px 14px;border-radius:6px;z-index:2000;" +
    "background:#9e2a2b;color:#fff;font:13px sans-serif;display:none"
  sign.textContent = "The server cannot be reached. This page comes back by itself; trainings go on."
  let first = null
  const timer = setInterval(async () => {
    try {
      const now = await instance()
      first ??= now
      if (now !== first) location.reload()
      sign.style.display = "none"
    } catch {
      sign.style.display = "block"
    }
  }, POLL_MS)
  model.on("remove", () => clearInterval(timer))
  return sign
}
