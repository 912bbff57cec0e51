// The look of a surface: soft light from sky and ground, a key light with a gentle highlight, a rim from behind. The lights
// turn with the camera. It is a lean shader of our own because software renderers (remote desktops) draw three's general
// physical material at a third of the speed.
import {DoubleSide, ShaderMaterial, UniformsLib, UniformsUtils} from "three"

const VERTEX = `
#include <common>
#include <fog_pars_vertex>
attribute float openness;
varying vec3 vNormal;
varying vec3 vToEye;
varying float vOpenness;

void main() {
  vec4 mvPosition = modelViewMatrix * vec4(position, 1.0);
  vNormal = normalMatrix * normal;
  vToEye = -mvPosition.xyz;
  vOpenness = openness;
  gl_Position = projectionMatrix * mvPosition;
  #include <fog_vertex>
}`

// Directions in the camera's frame, towards the light. Highlight: normalised Blinn-Phong with Schlick's Fresnel term.
const FRAGMENT = `
#include <common>
#include <fog_pars_fragment>
uniform vec3 colour;
uniform float opacity;
uniform float rim;
uniform float edge;
varying vec3 vNormal;
varying vec3 vToEye;
varying float vOpenness;

const vec3 UP = vec3(-0.19, 0.91, 0.37);
const vec3 KEY = vec3(-0.48, 0.64, 0.60);
const vec3 FILL = vec3(0.80, -0.15, 0.58);
const vec3 RIM = vec3(0.55, 0.62, -0.56);
const float GLOSS = 36.0;

void main() {
  vec3 normal = normalize(vNormal) * (gl_FrontFacing ? 1.0 : -1.0);
  vec3 toEye = normalize(vToEye);
  float facing = clamp(dot(normal, toEye), 0.0, 1.0);

  vec3 ambient = mix(vec3(0.10, 0.10, 0.12), vec3(0.42, 0.43, 0.44), 0.5 + 0.5 * dot(normal, UP));
  ambient *= vOpenness / (1.0 - 0.6 * colour * (1.0 - vOpenness)); // light that bounces in a cleft takes its colour
  float shadow = mix(0.35, 1.0, vOpenness);
  float key = clamp((dot(normal, KEY) + 0.1) / 1.1, 0.0, 1.0) * shadow;
  float fill = clamp(dot(normal, FILL), 0.0, 1.0) * shadow;

  vec3 halfway = normalize(KEY + toEye);
  float fresnel = 0.04 + 0.96 * pow(1.0 - clamp(dot(toEye, halfway), 0.0, 1.0), 5.0);
  float highlight = fresnel * (GLOSS + 2.0) / 8.0 * pow(clamp(dot(normal, halfway), 0.0, 1.0), GLOSS) * key;
  float behind = rim * pow(1.0 - facing, 3.0) * clamp(dot(normal, RIM) + 0.35, 0.0, 1.0) * shadow;

  vec3 light = colour * (ambient + 0.70 * key + 0.14 * fill) + 0.7 * highlight + behind * mix(colour, vec3(1.0), 0.4);
  light *= mix(edge, 1.0, smoothstep(0.0, 0.55, facing));
  gl_FragColor = vec4(light, opacity);
  #include <colorspace_fragment>
  #include <fog_fragment>
}`

// `look` holds the uniforms that all surfaces of a viewer share: rim and edge.
export function surfaceMaterial(look) {
  const material = new ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: UniformsUtils.clone(UniformsLib.fog),
    fog: true,
    side: DoubleSide,
    forceSinglePass: true,
  })
  return Object.assign(material, {uniforms: {...material.uniforms, ...look, colour: {value: null}, opacity: {value: 1}}})
}
