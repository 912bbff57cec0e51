// Bundles src/ and three.js into the one file that the Panel component serves. Its banner names the sources by a hash,
// so that a test without node can tell a stale bundle; see tests/app/components/test_bundle.py for the same sum in Python.
import {createHash} from "node:crypto"
import {readFileSync, readdirSync, statSync} from "node:fs"
import {dirname, join} from "node:path"
import {fileURLToPath} from "node:url"

import {build} from "esbuild"

const HERE = dirname(fileURLToPath(import.meta.url))
const BUNDLE = join(HERE, "../../cryohype_app/components/viewer3d.bundle.js")
const ROOT_SOURCES = ["build.mjs", "package-lock.json", "package.json"]

function sourceHash() {
  const modules = readdirSync(join(HERE, "src")).filter((name) => name.endsWith(".js")).map((name) => `src/${name}`)
  const sum = createHash("sha256")
  for (const name of [...ROOT_SOURCES, ...modules].sort()) {
    sum.update(`${name}\n`).update(readFileSync(join(HERE, name), "utf8").replaceAll("\r\n", "\n"))
  }
  return sum.digest("hex")
}

function banner() {
  const {version} = JSON.parse(readFileSync(join(HERE, "node_modules/three/package.json"), "utf8"))
  const licence = readFileSync(join(HERE, "node_modules/three/LICENSE"), "utf8").trim()
  return `/*! CryoHype volume viewer, built from frontend/viewer by npm run build; do not edit.
sources sha256 ${sourceHash()}

Holds three.js ${version}:
${licence}
*/`
}

await build({
  entryPoints: [join(HERE, "src/index.js")],
  outfile: BUNDLE,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  banner: {js: banner()},
})
console.log(`${BUNDLE}: ${(statSync(BUNDLE).size / 1000).toFixed(0)} kB`)
