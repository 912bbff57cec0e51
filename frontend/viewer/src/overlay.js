// Scale bar and axes, drawn on a canvas of their own so that a snapshot can take them along.
import {Vector3} from "three"

const LONGEST_BAR_PX = 130
const MARGIN_PX = 16
const ARM_PX = 24
const NAMES = ["x", "y", "z"]

export function drawOverlay(canvas, view) {
  const [width, height] = [Math.floor(view.width * view.ratio), Math.floor(view.height * view.ratio)]
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
  const context = canvas.getContext("2d")
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.clearRect(0, 0, width, height)
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0)
  context.font = "12px system-ui, sans-serif"
  context.textAlign = "center"
  context.textBaseline = "middle"
  if (view.scaleBar) drawScaleBar(context, view)
  if (view.axes) drawAxes(context, view)
}

// The longest of 1, 2, 5 × 10ⁿ Å that fits; it holds at the depth of the point that the camera turns about.
export function barAngstrom(angstromPerPx, longestPx) {
  const longest = angstromPerPx * longestPx
  const power = 10 ** Math.floor(Math.log10(longest))
  return [5, 2, 1].find((step) => step * power <= longest * (1 + 1e-9)) * power
}

function drawScaleBar(context, {width, height, colours, angstromPerPx}) {
  const angstrom = barAngstrom(angstromPerPx, Math.min(LONGEST_BAR_PX, width / 3))
  const length = angstrom / angstromPerPx
  const [right, y] = [width - MARGIN_PX, height - MARGIN_PX]
  context.strokeStyle = context.fillStyle = colours.text
  context.lineWidth = 1.5
  context.beginPath()
  context.moveTo(right - length, y - 4)
  context.lineTo(right - length, y)
  context.lineTo(right, y)
  context.lineTo(right, y - 4)
  context.stroke()
  context.fillText(`${Number(angstrom.toPrecision(1))} Å`, right - length / 2, y - 10)
}

// Far arms first, so that the near ones cover them.
function drawAxes(context, {height, colours, quaternion}) {
  const [x, y] = [MARGIN_PX + ARM_PX + 4, height - MARGIN_PX - ARM_PX - 4]
  const toCamera = quaternion.clone().invert()
  const arms = NAMES.map((name, axis) => ({
    name,
    colour: colours.axes[axis],
    tip: new Vector3().setComponent(axis, 1).applyQuaternion(toCamera),
  }))
  for (const {name, colour, tip} of arms.sort((a, b) => a.tip.z - b.tip.z)) {
    context.globalAlpha = tip.z < -0.2 ? 0.55 : 1
    context.strokeStyle = context.fillStyle = colour
    context.lineWidth = 2
    context.lineCap = "round"
    context.beginPath()
    context.moveTo(x, y)
    context.lineTo(x + tip.x * ARM_PX, y - tip.y * ARM_PX)
    context.stroke()
    context.fillText(name, x + tip.x * (ARM_PX + 9), y - tip.y * (ARM_PX + 9))
  }
  context.globalAlpha = 1
}
