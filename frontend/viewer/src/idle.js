const LONGEST_MS = 1500

// When the browser has nothing else to do, but not later than that; Safari does not tell when it is idle.
export function whenIdle() {
  return new Promise((done) => {
    if (window.requestIdleCallback) window.requestIdleCallback(done, {timeout: LONGEST_MS})
    else setTimeout(done, 100)
  })
}
