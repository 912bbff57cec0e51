// The picture as a PNG: surface, scale bar and axes, as they are on the screen.

// The drawing buffer lives until the browser composes the page, so the picture is drawn and copied in one go.
export function snapshotBlob(viewer) {
  viewer.draw()
  const {canvas} = viewer.stage
  const flat = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height})
  const context = flat.getContext("2d")
  context.drawImage(canvas, 0, 0)
  context.drawImage(viewer.page.overlay, 0, 0)
  return new Promise((resolve) => flat.toBlob(resolve, "image/png"))
}

export function saveBlob(blob, filename) {
  const url = URL.createObjectURL(blob)
  const link = Object.assign(document.createElement("a"), {href: url, download: filename})
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
