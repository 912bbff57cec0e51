// Calls an action at most once a period, and always once more after the last request.
export class Throttle {
  constructor(periodMs, action) {
    this.periodMs = periodMs
    this.action = action
    this.last = -Infinity
  }

  ask() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.last = performance.now()
      this.action()
    }, Math.max(0, this.last + this.periodMs - performance.now()))
  }

  cancel() {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
