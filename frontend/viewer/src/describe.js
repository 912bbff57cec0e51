// What a screen reader says instead of the picture.
export function describe(surfaces) {
  const shown = surfaces.filter((surface) => surface.opacity > 0)
  if (shown.length === 0) return "3-D view, no surface"
  return shown.map(({name, triangles, size_angstrom}) => {
    const size = size_angstrom.map((side) => Math.round(side)).join(" × ")
    return `${name}, ${triangles.toLocaleString("en")} triangles, ${size} Å`
  }).join("; ")
}
