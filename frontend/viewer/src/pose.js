// Where the camera is: it looks at `target` (Å from the box's centre), turned by `quaternion`, from `distance` Å away.
// Without rotation it stands on +z with x to the right and y up: a right-handed frame, nothing is mirrored.
import {Quaternion, Vector3} from "three"

const HALF_ANGLE = (15 * Math.PI) / 180 // half of what the shorter side of the picture shows
const NEAREST = 0.02 // limits of the zoom, as parts of the framing distance
const FARTHEST = 20
const SAME = 1e-6

const AXIS_VIEWS = {
  x: new Quaternion(0.5, 0.5, 0.5, 0.5), // x towards the viewer, y right, z up
  y: new Quaternion(-0.5, -0.5, -0.5, 0.5), // y towards the viewer, z right, x up
  z: new Quaternion(), // z towards the viewer, x right, y up
}

export class Pose {
  constructor(boxAngstrom) {
    this.box = boxAngstrom
    this.target = new Vector3()
    this.quaternion = new Quaternion()
    this.frame()
  }

  // The distance from which the box's front view just fits.
  get framingDistance() {
    return this.box / 2 / Math.tan(HALF_ANGLE)
  }

  frame() {
    this.target.set(0, 0, 0)
    this.quaternion.identity()
    this.distance = this.framingDistance
    this.framed = true // nobody has moved it: it follows the box, and is {} in Python
  }

  resize(boxAngstrom) {
    this.box = boxAngstrom
    if (this.framed) this.frame()
  }

  rotate(axis, angle) {
    this.quaternion.multiply(new Quaternion().setFromAxisAngle(axis, angle)).normalize()
    this.framed = false
  }

  pan(rightAngstrom, upAngstrom) {
    this.target.add(new Vector3(rightAngstrom, upAngstrom, 0).applyQuaternion(this.quaternion))
    this.framed = false
  }

  zoom(factor) {
    const distance = this.distance / factor
    this.distance = Math.min(Math.max(distance, NEAREST * this.framingDistance), FARTHEST * this.framingDistance)
    this.framed = false
  }

  lookAlong(axis) {
    this.quaternion.copy(AXIS_VIEWS[axis])
    this.framed = false
  }

  copy(other) {
    this.target.copy(other.target)
    this.quaternion.copy(other.quaternion)
    this.distance = other.distance
    this.framed = other.framed && other.box === this.box
  }

  get position() {
    return new Vector3(0, 0, this.distance).applyQuaternion(this.quaternion).add(this.target)
  }

  // Vertical opening angle in degrees of a picture whose shorter side shows 2 HALF_ANGLE.
  verticalAngle(width, height) {
    const shorter = Math.min(1, width / height)
    return (2 * Math.atan(Math.tan(HALF_ANGLE) / shorter) * 180) / Math.PI
  }

  // Å that a pixel covers at the target's depth.
  angstromPerPx(width, height) {
    return (2 * this.distance * Math.tan(HALF_ANGLE)) / Math.min(width, height)
  }

  toJSON() {
    if (this.framed) return {}
    return {
      position: this.position.toArray(),
      quaternion: this.quaternion.toArray(),
      zoom: this.framingDistance / this.distance,
    }
  }

  fromJSON({position, quaternion, zoom}) {
    this.frame()
    if (position === undefined) return
    this.quaternion.fromArray(quaternion).normalize()
    this.distance = this.framingDistance / zoom
    this.target.fromArray(position).sub(new Vector3(0, 0, this.distance).applyQuaternion(this.quaternion))
    this.framed = false
  }

  equals({position, quaternion, zoom}) {
    if (this.framed || position === undefined) return this.framed && position === undefined
    const own = this.toJSON()
    const pairs = [...own.position, ...own.quaternion, own.zoom].entries()
    const others = [...position, ...quaternion, zoom]
    return [...pairs].every(([index, value]) => Math.abs(value - others[index]) <= SAME * Math.max(1, Math.abs(value)))
  }
}
