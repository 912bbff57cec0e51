// Fetches each new address by a click on a link that nobody sees: the page stays.
export function render({model}) {
  const place = document.createElement("div")
  model.on("change:address", () => {
    if (!model.address) return
    const link = document.createElement("a")
    link.href = model.address
    link.download = ""
    place.append(link)
    link.click()
    link.remove()
  })
  return place
}
