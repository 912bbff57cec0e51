// A series of surfaces of which one is shown at a time. The browser plays it, there and back: every frame came over the wire once.
export class Player {
  #step = 1

  constructor(model) {
    this.model = model
  }

  get shows() {
    return this.model.frames.length > 0
  }

  // What Surfaces is to show: all frames, so that none is made twice, and only one of them visible.
  get styles() {
    return this.model.frames.map(({name, colour, triangles, size_angstrom}, number) => ({
      id: `frame ${number}`, slot: number + 1, opacity: number === this.model.frame ? 1 : 0, wireframe: false,
      name: `${name}, frame ${number + 1} of ${this.model.frames.length}`, colour, triangles, size_angstrom,
    }))
  }

  // Plays or rests as the model says.
  follow() {
    const period = this.shows && this.model.playing ? 1000 / this.model.frames_per_second : null
    if (period === this.period) return
    clearInterval(this.timer)
    this.period = period
    if (period !== null) this.timer = setInterval(() => this.advance(), period)
  }

  advance() {
    const last = this.model.frames.length - 1
    if (this.model.frame + this.#step < 0 || this.model.frame + this.#step > last) this.#step *= -1
    this.go(this.model.frame + this.#step)
  }

  go(frame) {
    if (this.shows) this.model.frame = Math.min(Math.max(frame, 0), this.model.frames.length - 1)
  }

  toggle() {
    if (this.shows) this.model.playing = !this.model.playing
  }

  dispose() {
    clearInterval(this.timer)
  }
}
