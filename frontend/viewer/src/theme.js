// Colours of the two themes; the surface's own colour comes from Python.
const DARK = {
  background: "#10151c",
  text: "#c9d1d9",
  faint: "#8b949e",
  panel: "rgba(22, 28, 36, 0.92)",
  accent: "#7ab8ff",
  axes: ["#ff7b72", "#7ee787", "#79b8ff"],
  edge: 0.6,
  rim: 0.55,
}

const LIGHT = {
  background: "#ffffff",
  text: "#24292f",
  faint: "#57606a",
  panel: "rgba(246, 248, 250, 0.94)",
  accent: "#0b63c5",
  axes: ["#c62828", "#2e7d32", "#1565c0"],
  edge: 0.4,
  rim: 0.15,
}

export function theme(dark) {
  return dark ? DARK : LIGHT
}
