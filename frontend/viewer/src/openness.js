// How open each vertex lies, as soft light from everywhere would see it: clefts darken, as in ChimeraX's soft lighting.
// The solid just beneath the surface is marked on a grid and blurred; a vertex that has much of it before it is shut in.
// A fine grid finds the grooves between helices, a coarse one the clefts between domains.
const SCALES = [
  {cells: 60, loss: 0.5}, // cells along the longest side; the part of the light that a closed cleft loses
  {cells: 20, loss: 0.45},
]
const PAD = 6 // cells around the molecule
const BENEATH = [0.3, 1.3, 2.3] // cells marked under a vertex
const AHEAD = [1.5, 4] // cells over a vertex where the blurred solid is read
const BLURS = [2, 2] // radii of the box filters, cells
const FLAT = 0.13 // what is read over a plane, and nothing is lost
const CLOSED = 0.58 // what is read in a closed cleft

// vertices and normals: Float32Array (3n), faces: Uint32Array (3m); returns Uint8Array (n), 255 for a vertex in the open.
export function openness(vertices, normals, faces) {
  const open = new Float32Array(vertices.length / 3).fill(1)
  if (faces.length > 0) {
    const [bounds, edge] = [boundsOf(vertices), meanEdge(vertices, faces)]
    for (const {cells, loss} of SCALES) shadeClefts(open, vertices, normals, gridAround(bounds, cells, edge), loss)
  }
  return Uint8Array.from(open, (part) => Math.round(255 * part))
}

function shadeClefts(open, vertices, normals, grid, loss) {
  for (let i = 0; i < open.length; i++) {
    for (const steps of BENEATH) grid.values[cellIndex(grid, vertices, normals, i, -steps)] = 1
  }
  for (const radius of BLURS) blur(grid, radius)
  for (let i = 0; i < open.length; i++) {
    let solid = 0
    for (const steps of AHEAD) solid += grid.values[cellIndex(grid, vertices, normals, i, steps)] / AHEAD.length
    open[i] *= 1 - loss * smoothstep(FLAT, CLOSED, solid)
  }
}

function boundsOf(vertices) {
  const low = [Infinity, Infinity, Infinity]
  const high = [-Infinity, -Infinity, -Infinity]
  for (let i = 0; i < vertices.length; i++) {
    const axis = i % 3
    if (vertices[i] < low[axis]) low[axis] = vertices[i]
    if (vertices[i] > high[axis]) high[axis] = vertices[i]
  }
  return {low, high}
}

// Å, of the first edges of some hundred triangles.
function meanEdge(vertices, faces) {
  const stride = 3 * Math.ceil(faces.length / 900)
  let [sum, count] = [0, 0]
  for (let face = 0; face < faces.length; face += stride) {
    const [a, b] = [3 * faces[face], 3 * faces[face + 1]]
    sum += Math.hypot(vertices[a] - vertices[b], vertices[a + 1] - vertices[b + 1], vertices[a + 2] - vertices[b + 2])
    count += 1
  }
  return sum / count
}

// Cells no smaller than the triangles, or the marked solid would have holes.
function gridAround({low, high}, cells, edge) {
  const cell = Math.max(...low.map((value, axis) => (high[axis] - value) / cells), edge, 1e-3)
  const shape = low.map((value, axis) => Math.ceil((high[axis] - value) / cell) + 2 * PAD)
  return {cell, shape, origin: low.map((value) => value - PAD * cell), values: new Float32Array(shape[0] * shape[1] * shape[2])}
}

// The cell that lies `steps` cells from a vertex along its normal.
function cellIndex({cell, shape, origin}, vertices, normals, vertex, steps) {
  let index = 0
  for (let axis = 2; axis >= 0; axis--) {
    const place = (vertices[3 * vertex + axis] - origin[axis]) / cell + steps * normals[3 * vertex + axis]
    index = index * shape[axis] + Math.min(Math.max(Math.floor(place), 0), shape[axis] - 1)
  }
  return index
}

// A box filter along each axis, in place; the outside is empty.
function blur({shape, values}, radius) {
  const line = new Float32Array(Math.max(...shape))
  let stride = 1
  for (const length of shape) {
    for (let block = 0; block < values.length; block += stride * length) {
      for (let start = block; start < block + stride; start++) blurLine(values, start, stride, length, radius, line)
    }
    stride *= length
  }
}

function blurLine(values, start, stride, length, radius, line) {
  for (let i = 0; i < length; i++) line[i] = values[start + i * stride]
  let sum = 0
  for (let i = 0; i < Math.min(radius, length); i++) sum += line[i]
  for (let i = 0; i < length; i++) {
    if (i + radius < length) sum += line[i + radius]
    if (i - radius > 0) sum -= line[i - radius - 1]
    values[start + i * stride] = sum / (2 * radius + 1)
  }
}

function smoothstep(low, high, value) {
  const part = Math.min(Math.max((value - low) / (high - low), 0), 1)
  return part * part * (3 - 2 * part)
}
