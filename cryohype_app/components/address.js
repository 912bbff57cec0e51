// Keeps the address of the page equal to what it shows, in place: no further step of the browser's history.
export function render({model}) {
  model.on("query", () => history.replaceState(history.state, "", `${location.pathname}?${model.query}${location.hash}`))
  const nothing = document.createElement("span")
  nothing.hidden = true
  return nothing
}
