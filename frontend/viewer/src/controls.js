// Mouse, touch and keys. Drag turns the molecule under the pointer like a ball, so no direction is special.
import {Vector3} from "three"

const TURN_PER_SIDE = Math.PI // radians for a drag over the picture's shorter side
const KEY_TURN = Math.PI / 18
const KEY_ZOOM = 1.15
const WHEEL_ZOOM = 0.0015 // of the logarithm, a pixel of scrolling
const LINE_PX = 16

const X = new Vector3(1, 0, 0)
const Y = new Vector3(0, 1, 0)
const Z = new Vector3(0, 0, 1)

const KEYS = {
  arrowleft: (pose) => pose.rotate(Y, KEY_TURN),
  arrowright: (pose) => pose.rotate(Y, -KEY_TURN),
  arrowup: (pose) => pose.rotate(X, KEY_TURN),
  arrowdown: (pose) => pose.rotate(X, -KEY_TURN),
  "+": (pose) => pose.zoom(KEY_ZOOM),
  "=": (pose) => pose.zoom(KEY_ZOOM),
  "-": (pose) => pose.zoom(1 / KEY_ZOOM),
  "_": (pose) => pose.zoom(1 / KEY_ZOOM),
  r: (pose) => pose.frame(),
  x: (pose) => pose.lookAlong("x"),
  y: (pose) => pose.lookAlong("y"),
  z: (pose) => pose.lookAlong("z"),
}

const PLAYER_KEYS = {
  " ": (player) => player.toggle(),
  ",": (player) => player.go(player.model.frame - 1),
  ".": (player) => player.go(player.model.frame + 1),
}

export function controlKeyboard(element, viewer) {
  element.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase()
    const [turn, play] = [KEYS[key], PLAYER_KEYS[key]]
    if (!(turn || play) || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    play?.(viewer.player)
    if (!turn) return
    turn(viewer.pose)
    viewer.moved()
  })
}

export function controlPointer(element, viewer) {
  const pointers = new Map() // where each finger or button was last, px

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId)
    pointers.set(event.pointerId, at(event))
  })
  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId)
    if (!before) return
    const old = [...pointers.values()]
    pointers.set(event.pointerId, at(event))
    const now = [...pointers.values()]
    if (now.length === 1) drag(viewer, event, old[0], now[0])
    else pinch(viewer, old, now)
    viewer.moved()
  })
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(name, (event) => pointers.delete(event.pointerId))
  }
  element.addEventListener("contextmenu", (event) => event.preventDefault())
  element.addEventListener("wheel", (event) => {
    event.preventDefault()
    const scale = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1
    viewer.pose.zoom(Math.exp(-WHEEL_ZOOM * scale * event.deltaY))
    viewer.moved()
  }, {passive: false})
}

function at(event) {
  return {x: event.clientX, y: event.clientY}
}

function drag(viewer, event, from, to) {
  const leftOnly = event.pointerType === "touch" || event.buttons === 1
  if (leftOnly && !event.shiftKey) turn(viewer, to.x - from.x, to.y - from.y)
  else pan(viewer, to.x - from.x, to.y - from.y)
}

function turn(viewer, dx, dy) {
  const length = Math.hypot(dx, dy)
  if (length === 0) return
  const {width, height} = viewer.page.size
  viewer.pose.rotate(new Vector3(-dy / length, -dx / length, 0), (TURN_PER_SIDE * length) / Math.min(width, height))
}

function pan(viewer, dx, dy) {
  const {width, height} = viewer.page.size
  const scale = viewer.pose.angstromPerPx(width, height)
  viewer.pose.pan(-dx * scale, dy * scale)
}

// Two fingers: their spread zooms, their middle pans, their twist rolls.
function pinch(viewer, old, now) {
  const [a, b] = [span(old), span(now)]
  if (a.length > 0 && b.length > 0) viewer.pose.zoom(b.length / a.length)
  viewer.pose.rotate(Z, b.angle - a.angle)
  pan(viewer, b.x - a.x, b.y - a.y)
}

function span([one, two]) {
  const [dx, dy] = [two.x - one.x, two.y - one.y]
  return {length: Math.hypot(dx, dy), angle: Math.atan2(dy, dx), x: (one.x + two.x) / 2, y: (one.y + two.y) / 2}
}
