// A line to be copied. Of a secret one the browser has only what may be seen, until somebody asks for the rest.
const STYLE = `
  .line { display: flex; align-items: center; gap: 4px; font: 12.5px ui-monospace, monospace }
  code { flex: 1; min-width: 0; padding: 5px 8px; border-radius: 4px; background: rgba(139,148,158,.18); overflow-x: auto; white-space: pre; user-select: all }
  button { all: unset; cursor: pointer; flex: none; min-width: 44px; text-align: center; padding: 5px 8px; border-radius: 4px; font: 12px system-ui, sans-serif; color: #2f81f7 }
  button:hover { background: rgba(139,148,158,.2) }
  button:focus-visible { outline: 2px solid #2f81f7 }
`

// Where the page came without TLS from another machine there is no clipboard but this one.
function copy_by_selection(text, place) {
  const field = document.createElement("textarea")
  field.value = text
  field.style.cssText = "position:absolute;opacity:0;pointer-events:none"
  place.append(field)
  field.select()
  const done = document.execCommand("copy")
  field.remove()
  return done
}

async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copy_by_selection(text, place)
  }
}

export function render({model, el}) {
  const made = (tag, label) => Object.assign(document.createElement(tag), {textContent: label})
  const style = made("style", STYLE), line = made("div", ""), code = made("code", model.shown)
  const show = made("button", "Show"), copying = made("button", "Copy")
  const asked = []  // what is done with the line when it is here
  let is_open = false
  line.className = "line"
  code.tabIndex = 0
  code.setAttribute("aria-label", model.label)
  copying.setAttribute("aria-label", `Copy ${model.label}`)
  copying.setAttribute("aria-live", "polite")

  const draw = () => {
    is_open = is_open && model.text !== ""
    code.textContent = is_open ? model.text : model.shown
    show.textContent = is_open ? "Hide" : "Show"
    show.setAttribute("aria-label", `${show.textContent} ${model.label}`)
    show.hidden = !model.secret
    show.style.display = model.secret ? "" : "none"
  }
  const with_line = (act) => {
    if (!model.secret) return act(model.shown)
    if (model.text) return act(model.text)
    asked.push(act)
    model.send_msg({})
  }
  show.addEventListener("click", () => {
    if (is_open) {
      is_open = false
      return draw()
    }
    with_line(() => {
      is_open = true
      draw()
    })
  })
  copying.addEventListener("click", () => with_line(async (text) => {
    const done = await copy(text, line)
    is_open = is_open || (!done && model.secret)
    draw()
    copying.textContent = done ? "Copied" : "Press Ctrl+C"
    if (!done) getSelection()?.selectAllChildren(code)
    setTimeout(() => { copying.textContent = "Copy" }, 2500)
  }))
  model.on("text", () => {
    if (model.text) for (const act of asked.splice(0)) act(model.text)
    draw()
  })
  model.on("shown", draw)
  draw()
  line.append(code, show, copying)
  el.append(style, line)
}
