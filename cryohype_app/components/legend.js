// Names and colours of the latent picture's groups as buttons, or the bar of a quantity, or the map of viewing directions.
const STYLE = `
  :host { overflow: hidden }
  .strip { display: flex; gap: 8px; align-items: flex-start; padding: 2px 8px; font: 11px system-ui, sans-serif; color: #8b949e }
  .title { flex: none; padding: 3px 0; max-width: 150px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  .groups { display: flex; flex-wrap: wrap; max-height: 44px; overflow-y: auto; flex: 1 }
  button { all: unset; cursor: pointer; padding: 2px 6px; border-radius: 4px; white-space: nowrap; line-height: 16px }
  button:hover { background: rgba(139,148,158,.2) }
  button:focus-visible { outline: 2px solid #2f81f7 }
  i { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 4px }
  .bar { flex: 1; max-width: 360px }
  .ramp { height: 10px; border-radius: 2px; margin-top: 3px }
  .ticks { display: flex; justify-content: space-between; padding-top: 1px }
  canvas { width: 126px; height: 36px; image-rendering: pixelated; border-radius: 2px }
`

function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

function groups(facts, choose) {
  const box = element("div", "groups")
  box.setAttribute("role", "group")
  box.setAttribute("aria-label", `${facts.title}: a click selects a group`)
  for (const {value, label, colour, count} of facts.entries) {
    const button = element("button")
    const dot = element("i")
    dot.style.background = colour
    button.append(dot, facts.entries.length <= 12 ? `${label} · ${count.toLocaleString("en")}` : label)
    button.title = `Select ${facts.title} ${label}: ${count.toLocaleString("en")} particles`
    button.setAttribute("aria-label", button.title)
    button.addEventListener("click", () => choose(value))
    box.append(button)
  }
  if (facts.left_out) box.append(element("span", "", `and ${facts.left_out.toLocaleString("en")} smaller ones`))
  return box
}

function bar(facts) {
  const box = element("div", "bar")
  const ramp = element("div", "ramp"), ticks = element("div", "ticks")
  ramp.style.background = `linear-gradient(to right, ${facts.colours.filter((_, number) => number % 8 === 0).join(", ")})`
  ramp.setAttribute("role", "img")
  ramp.setAttribute("aria-label", `colours from ${facts.ticks[0]} to ${facts.ticks[2]}`)
  for (const words of facts.ticks) ticks.append(element("span", "", words))
  box.append(ramp, ticks)
  return box
}

function directions(facts) {
  const box = element("div", "bar"), canvas = element("canvas"), ticks = element("div", "ticks")
  canvas.width = facts.columns
  canvas.height = facts.colours.length / facts.columns
  const drawing = canvas.getContext("2d")
  facts.colours.forEach((colour, number) => {
    drawing.fillStyle = colour
    drawing.fillRect(number % facts.columns, Math.floor(number / facts.columns), 1, 1)
  })
  canvas.setAttribute("role", "img")
  canvas.setAttribute("aria-label", "colours of viewing directions: " + facts.ticks.join(", "))
  box.style.display = "flex"
  box.style.gap = "8px"
  ticks.style.flexDirection = "column"
  for (const words of facts.ticks) ticks.append(element("span", "", words))
  box.append(canvas, ticks)
  return box
}

export function render({model, el}) {
  const style = element("style", "", STYLE), strip = element("div", "strip")
  const draw = () => {
    const facts = model.facts
    if (!facts.kind) return
    const title = element("span", facts.kind === "wait" ? "" : "title", facts.title)
    title.setAttribute("role", facts.kind === "wait" ? "status" : "note")
    title.title = facts.name ? `${facts.title}; in conditions: ${facts.name}` : facts.title
    const choose = (value) => model.send_msg({value})
    if (facts.kind === "wait") return strip.replaceChildren(title)
    const shown = {groups: () => groups(facts, choose), bar: () => bar(facts), map: () => directions(facts)}[facts.kind]()
    strip.replaceChildren(title, shown)
  }
  model.on("facts", draw)
  draw()
  el.append(style, strip)
}
