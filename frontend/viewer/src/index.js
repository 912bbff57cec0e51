// What Panel calls: one viewer for every view of the component, told of every change of the model.
import {Viewer} from "./viewer.js"

const SETTINGS = ["slot_1", "slot_2", "slot_3", "slot_4", "surfaces", "box_angstrom", "busy", "progress", "message", "dark",
  "scale_bar", "axes", "depth_cue", "link_group", "camera", "frames", "frame", "playing", "frames_per_second"]
const viewers = new WeakMap()

function render({model, el, view}) {
  viewers.get(view)?.dispose() // Panel renders a view again when the page moves it, without a "remove"
  const viewer = new Viewer(model, el)
  viewers.set(view, viewer)
  for (const name of SETTINGS) {
    model.on(name, () => viewer.changed(name))
  }
  model.on("msg:custom", (message) => viewer.receive(message))
  model.on("lifecycle:remove", () => viewer.dispose())
}

export default {render}
