// The surfaces in the scene: what Python sent, made into meshes, replaced and disposed.
import {BufferAttribute, BufferGeometry, Color, Group, Mesh} from "three"

import {surfaceMaterial} from "./material.js"
import {openness} from "./openness.js"

export class Surfaces {
  #byId = new Map()

  constructor() {
    this.group = new Group()
    this.uploads = 0 // geometries made so far, for the tests
    this.look = {edge: {value: 1}, rim: {value: 0}} // shared by all materials
  }

  all() {
    return [...this.#byId.values()]
  }

  visible() {
    return this.all().filter((surface) => surface.shown)
  }

  // Å from the box's centre to the farthest vertex shown; 0 where nothing is shown.
  get radius() {
    return Math.max(0, ...this.visible().map((surface) => surface.radius))
  }

  paint({edge, rim}) {
    this.look.edge.value = edge
    this.look.rim.value = rim
  }

  // Makes the scene equal to `styles`; a geometry is made anew only where Python sent another one. True if one was.
  reconcile(styles, slots) {
    const before = this.uploads
    const wanted = new Set(styles.map((style) => style.id))
    for (const id of [...this.#byId.keys()]) if (!wanted.has(id)) this.#remove(id)
    for (const style of styles) {
      const bytes = slots[style.slot - 1]
      const surface = this.#byId.get(style.id) ?? this.#add(style.id)
      if (surface.bytes !== bytes) {
        surface.setGeometry(bytes)
        this.uploads += 1
      }
      surface.setStyle(style)
    }
    return this.uploads > before
  }

  dispose() {
    for (const id of [...this.#byId.keys()]) this.#remove(id)
  }

  #add(id) {
    const surface = new Surface(this.look)
    this.#byId.set(id, surface)
    this.group.add(surface.mesh)
    return surface
  }

  #remove(id) {
    const surface = this.#byId.get(id)
    this.group.remove(surface.mesh)
    surface.dispose()
    this.#byId.delete(id)
  }
}

class Surface {
  constructor(look) {
    this.mesh = new Mesh(new BufferGeometry(), surfaceMaterial(look))
    this.bytes = null
  }

  get translucent() {
    return this.mesh.material.transparent
  }

  setGeometry(bytes) {
    const vertices = new Float32Array(bytes.vertices)
    const normals = new Float32Array(bytes.normals)
    const faces = new Uint32Array(bytes.faces)
    const geometry = new BufferGeometry()
    geometry.setAttribute("position", new BufferAttribute(vertices, 3))
    geometry.setAttribute("normal", new BufferAttribute(normals, 3))
    geometry.setAttribute("openness", new BufferAttribute(openness(vertices, normals, faces), 1, true))
    geometry.setIndex(new BufferAttribute(faces, 1))
    geometry.computeBoundingSphere()
    const {center, radius} = geometry.boundingSphere
    this.radius = vertices.length === 0 ? 0 : center.length() + radius
    this.mesh.geometry.dispose()
    this.mesh.geometry = geometry
    this.bytes = bytes
  }

  setStyle({colour, opacity, wireframe}) {
    const {material} = this.mesh
    material.uniforms.colour.value = new Color(colour)
    material.uniforms.opacity.value = opacity
    material.transparent = opacity < 1
    material.wireframe = wireframe
    this.shown = opacity > 0 && this.bytes.faces.byteLength > 0
  }

  dispose() {
    this.mesh.geometry.dispose()
    this.mesh.material.dispose()
  }
}
