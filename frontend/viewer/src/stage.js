// The renderer, its camera and the order of drawing.
import {Color, Fog, PerspectiveCamera, Scene, Vector3, WebGLRenderer} from "three"

const MOST_PIXELS_PER_PX = 2

export function pixelRatio() {
  return Math.min(window.devicePixelRatio, MOST_PIXELS_PER_PX)
}

export class Stage {
  // null where the browser has no WebGL 2.
  static create(picture, surfaces) {
    const canvas = picture.querySelector(".surface")
    const context = canvas.getContext("webgl2", {antialias: true, alpha: false, powerPreference: "high-performance"})
    return context === null ? null : new Stage(canvas, context, surfaces)
  }

  constructor(canvas, context, surfaces) {
    this.canvas = canvas
    this.surfaces = surfaces
    this.renderer = new WebGLRenderer({canvas, context})
    this.renderer.autoClear = false
    this.camera = new PerspectiveCamera()
    this.scene = new Scene()
    this.scene.add(surfaces.group)
    this.lost = false
  }

  paint(colours, depthCue) {
    this.background = new Color(colours.background)
    this.renderer.setClearColor(this.background, 1)
    this.scene.fog = depthCue ? new Fog(colours.background) : null
    this.surfaces.paint(colours)
  }

  // share: part of the screen's pixels along each side.
  place(pose, width, height, share = 1) {
    this.#resize(width, height, share * pixelRatio())
    this.camera.position.copy(pose.position)
    this.camera.quaternion.copy(pose.quaternion)
    this.camera.fov = pose.verticalAngle(width, height)
    this.camera.aspect = width / height
    this.#clip(pose)
    this.camera.updateProjectionMatrix()
    this.camera.updateMatrixWorld()
  }

  // Opaque surfaces first. Of a translucent one only the nearest layer shows, through which the others are seen.
  draw() {
    const visible = this.surfaces.visible()
    const opaque = visible.filter((surface) => !surface.translucent)
    const translucent = visible.filter((surface) => surface.translucent).sort((a, b) => a.radius - b.radius)
    this.renderer.clear()
    this.#pass(opaque)
    translucent.forEach((surface, index) => {
      if (index > 0) {
        this.renderer.clearDepth()
        this.#pass(opaque, {colour: false})
      }
      this.#pass([surface], {colour: false})
      this.#pass([surface])
    })
  }

  project(point, width, height) {
    const {x, y, z} = new Vector3(...point).project(this.camera)
    return {x: ((x + 1) / 2) * width, y: ((1 - y) / 2) * height, depth: (z + 1) / 2}
  }

  onLost(tell) {
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault() // or the browser never gives it back
      this.lost = true
      tell(true)
    })
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.lost = false
      tell(false)
    })
  }

  dispose() {
    this.renderer.dispose()
    this.renderer.forceContextLoss() // a browser allows some sixteen contexts a page
  }

  #resize(width, height, ratio) {
    if (this.canvas.width === Math.floor(width * ratio) && this.canvas.height === Math.floor(height * ratio)) return
    this.renderer.setPixelRatio(ratio)
    this.renderer.setSize(width, height, false)
  }

  // Clipping planes and depth cue follow what is shown: clear at the front, half faded at the back.
  #clip(pose) {
    const radius = Math.max(this.surfaces.radius, pose.box / 2)
    const depth = this.camera.position.dot(new Vector3(0, 0, 1).applyQuaternion(pose.quaternion)) // of the box's centre
    this.camera.far = Math.max(depth + 2 * radius, 2 * pose.distance)
    this.camera.near = Math.max(depth - 2 * radius, pose.distance / 100)
    if (this.scene.fog) {
      const shown = this.surfaces.radius || radius
      this.scene.fog.near = depth - 0.5 * shown
      this.scene.fog.far = depth + 2.4 * shown
    }
  }

  #pass(surfaces, {colour = true} = {}) {
    if (surfaces.length === 0) return
    for (const {mesh} of this.surfaces.all()) mesh.visible = false
    for (const {mesh} of surfaces) {
      mesh.visible = true
      mesh.material.colorWrite = colour
    }
    this.renderer.render(this.scene, this.camera)
  }
}
