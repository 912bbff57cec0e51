// One viewer: it reads the model, owns the parts below it, and decides when to draw. It draws on demand only.
import {controlKeyboard, controlPointer} from "./controls.js"
import {describe} from "./describe.js"
import {whenIdle} from "./idle.js"
import {joinLink, leaveLink, tellLink} from "./link.js"
import {drawOverlay} from "./overlay.js"
import {Pace} from "./pace.js"
import {Page} from "./page.js"
import {Player} from "./player.js"
import {Pose} from "./pose.js"
import {saveBlob, snapshotBlob} from "./snapshot.js"
import {Stage, pixelRatio} from "./stage.js"
import {Surfaces} from "./surfaces.js"
import {theme} from "./theme.js"
import {Throttle} from "./throttle.js"

const CAMERA_PERIOD_MS = 250
const NO_WEBGL = "This browser offers no WebGL 2, so the surface cannot be drawn here; the maps themselves are unaffected."
const LOST = "The graphics driver dropped this picture; it comes back as soon as the driver allows."

export class Viewer {
  constructor(model, container) {
    this.model = model
    this.page = new Page(container)
    this.page.root.__viewer = this // the tests' hook
    this.pose = new Pose(model.box_angstrom)
    this.surfaces = new Surfaces()
    this.stage = null
    this.notice = ""
    this.cameraUp = new Throttle(CAMERA_PERIOD_MS, () => { this.model.camera = this.pose.toJSON() })
    this.player = new Player(model)
    this.pace = new Pace(() => this.requestDraw())
    this.pending = new Set()
    this.draws = 0
    this.#listen()
    this.#takeCamera()
    this.#takeSettings()
    this.#takeSurfaces()
    this.#takeLink()
    this.begun = whenIdle().then(() => this.#begin())
  }

  // Several properties of one message become one update, before the next picture.
  changed(name) {
    if (name === "camera" && this.pose.equals(this.model.camera)) return // our own message to Python
    if (this.pending.size === 0) queueMicrotask(() => this.#update())
    this.pending.add(name)
  }

  receive(message) {
    if (message.type === "reset") this.resetView()
    if (message.type === "download") this.#picture().then((blob) => blob && saveBlob(blob, message.filename))
    if (message.type === "snapshot") this.#answerSnapshot(message.request)
  }

  resetView() {
    this.pose.box = this.model.box_angstrom
    this.pose.frame()
    this.moved()
  }

  // The user moved the camera: draw, tell the linked viewers at once and Python four times a second.
  moved() {
    this.pace.move()
    this.requestDraw()
    tellLink(this)
    this.cameraUp.ask()
  }

  // A linked viewer moved.
  follow(pose) {
    this.pose.copy(pose)
    this.pace.move()
    this.requestDraw()
    this.cameraUp.ask()
  }

  requestDraw() {
    if (this.disposed) return
    const asked = performance.now()
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      this.pace.waited(performance.now() - asked)
      this.draw(this.pace.share)
    })
  }

  draw(share = 1) {
    const {width, height} = this.page.size
    if (!this.stage || this.stage.lost || width === 0 || height === 0) return
    this.stage.place(this.pose, width, height, share)
    this.stage.draw()
    this.#drawOverlay()
    this.draws += 1
  }

  // Pixel (from the left and top of the picture) and depth (0 at the front, 1 at the back) of a point in Å: the tests' hook.
  project(point) {
    const {width, height} = this.page.size
    this.stage.place(this.pose, width, height)
    return this.stage.project(point, width, height)
  }

  // What the graphics card holds, for the tests.
  memory() {
    const {geometries, textures} = this.stage.renderer.info.memory
    return {geometries, textures, programs: this.stage.renderer.info.programs.length, uploads: this.surfaces.uploads}
  }

  dispose() {
    if (this.disposed) return
    this.disposed = true
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.observer.disconnect()
    this.cameraUp.cancel()
    this.pace.cancel()
    this.player.dispose()
    leaveLink(this)
    this.surfaces.dispose()
    this.stage?.dispose()
    this.page.root.remove()
  }

  // The first context of WebGL takes the browser long, and longest where there is no graphics card: the page comes first.
  #begin() {
    if (this.disposed) return
    this.stage = Stage.create(this.page.picture, this.surfaces)
    this.notice = this.stage ? "" : NO_WEBGL
    this.stage?.onLost((lost) => {
      this.notice = lost ? LOST : ""
      this.#takeSettings() // three forgets the background with the context
      this.requestDraw()
    })
    this.#takeSettings()
    this.#takeSurfaces()
    this.requestDraw()
  }

  #listen() {
    controlPointer(this.page.picture, this)
    controlKeyboard(this.page.picture, this)
    this.observer = new ResizeObserver(() => this.draw()) // at once: a resized canvas is empty until it is drawn
    this.observer.observe(this.page.root)
  }

  #update() {
    if (this.disposed) return
    const names = this.pending
    this.pending = new Set()
    if (names.has("box_angstrom")) this.pose.resize(this.model.box_angstrom)
    if (names.has("camera")) this.#takeCamera()
    if (names.has("link_group")) this.#takeLink()
    this.#takeSettings()
    this.#takeSurfaces()
    this.requestDraw()
  }

  #takeCamera() {
    this.pose.fromJSON(this.model.camera)
    tellLink(this)
  }

  #takeLink() {
    leaveLink(this)
    const leader = joinLink(this, this.model.link_group)
    if (leader) this.follow(leader.pose)
  }

  #takeSettings() {
    this.colours = theme(this.model.dark)
    this.page.paint(this.colours)
    this.page.busy(this.model.busy, this.model.progress)
    this.#showMessage()
    this.stage?.paint(this.colours, this.model.depth_cue)
  }

  #takeSurfaces() {
    const {slot_1, slot_2, slot_3, slot_4, frames, surfaces} = this.model
    const [styles, bytes] = this.player.shows ? [this.player.styles, frames] : [surfaces, [slot_1, slot_2, slot_3, slot_4]]
    if (this.stage && this.surfaces.reconcile(styles, bytes)) this.pace.renew()
    this.player.follow()
    this.page.describe(describe(styles))
    this.#showMessage()
  }

  #showMessage() {
    const sentences = [this.notice, this.model.message].filter((text) => text)
    this.page.message(sentences.join(" "), this.stage !== null && this.surfaces.visible().length > 0)
  }

  #drawOverlay() {
    const {width, height} = this.page.size
    drawOverlay(this.page.overlay, {
      width,
      height,
      ratio: pixelRatio(),
      colours: this.colours,
      angstromPerPx: this.pose.angstromPerPx(width, height),
      quaternion: this.pose.quaternion,
      scaleBar: this.model.scale_bar,
      axes: this.model.axes,
    })
  }

  async #picture() {
    await this.begun
    return this.stage && !this.stage.lost ? snapshotBlob(this) : null
  }

  async #answerSnapshot(request) {
    const blob = await this.#picture()
    this.model.send_msg({type: "snapshot", request, png: blob && (await blob.arrayBuffer())})
  }
}
