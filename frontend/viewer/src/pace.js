// While the camera moves, a slow renderer (software on remote desktops) draws fewer pixels, and all of them once it rests.
const SLOW_MS = 60 // between asking for a picture and drawing it; the browser waits for the one before
const REST_MS = 250 // without a move, beside the time of two pictures
const COARSE = 0.5

export class Pace {
  constructor(redraw) {
    this.redraw = redraw
    this.slow = false
    this.lastWaitMs = 0
  }

  move() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (this.slow) this.redraw()
    }, REST_MS + 2 * this.lastWaitMs)
  }

  waited(ms) {
    this.lastWaitMs = ms
    if (this.timer !== undefined && ms > SLOW_MS) this.slow = true
  }

  // Other surfaces: perhaps they are faster.
  renew() {
    this.slow = false
  }

  // Part of the picture's pixels, along each side.
  get share() {
    return this.slow && this.timer !== undefined ? COARSE : 1
  }

  cancel() {
    clearTimeout(this.timer)
  }
}
