// Keys of a bokeh figure, which has none of its own. Bokeh's drawing can have the focus; a click gives it.
const PAN = 0.15, ZOOM = 1.25
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}
const FACTORS = {"+": 1 / ZOOM, "=": 1 / ZOOM, "-": ZOOM, "_": ZOOM}

function change(view, move, factor) {
  const {x_range, y_range} = view.model
  for (const [axis, range] of [x_range, y_range].entries()) {
    const span = range.end - range.start, middle = (range.start + range.end) / 2 + move[axis] * PAN * span
    range.setv({start: middle - (span * factor) / 2, end: middle + (span * factor) / 2})
  }
  view.trigger_ranges_update_event()
}

function pressed(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key in MOVES) change(view, MOVES[event.key], 1)
  else if (event.key in FACTORS) change(view, [0, 0], FACTORS[event.key])
  else if (event.key === "0" || event.key === "Home") view.reset()
  else return
  event.preventDefault()
  event.stopPropagation()
}

function name_tools(view) {
  for (const button of everything(view.el).filter((found) => found.matches(".bk-OnOffButton, .bk-ClickButton"))) {
    if (button.hasAttribute("role")) continue
    button.setAttribute("role", "button")
    button.setAttribute("aria-label", button.title)
    button.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        button.click()
        event.preventDefault()
      }
    })
  }
}

function everything(root) {
  return [...(root.shadowRoot ?? root).querySelectorAll("*")].flatMap((found) => [found, ...(found.shadowRoot ? everything(found) : [])])
}

export function render({model, el}) {
  el.style.display = "none"
  let timer = null
  const attach = () => {
    const [view] = Bokeh.index.query((found) => found.model.id === model.figure)
    const drawing = view?.canvas_view?.events_el
    if (!drawing) return
    clearInterval(timer)
    drawing.setAttribute("role", "application")
    drawing.setAttribute("aria-label", model.label)
    drawing.style.outlineOffset = "-2px"
    drawing.addEventListener("keydown", (event) => pressed(view, event))
    drawing.addEventListener("keyup", () => drawing.style.removeProperty("outline-style"))
    drawing.addEventListener("pointerdown", () => {
      drawing.style.outlineStyle = "none"  // a ring tells where keys go, which a hand at the mouse need not be told
      drawing.focus({preventScroll: true})
    })
    name_tools(view)
  }
  timer = setInterval(attach, 200)
  model.on("remove", () => clearInterval(timer))
}
