// The elements around the picture: canvases, progress line, sentence, focus ring. Nothing here knows of three.js.
const STYLE = `
  .viewer { position: relative; width: 100%; height: 100%; min-height: 120px; overflow: hidden;
    container-type: inline-size; font: 12px/1.4 system-ui, sans-serif; color: var(--text); background: var(--background); }
  .picture { position: absolute; inset: 0; outline: none; touch-action: none; cursor: grab; user-select: none; }
  .picture:active { cursor: grabbing; }
  .picture:focus-visible::after { content: ""; position: absolute; inset: 0; pointer-events: none;
    border: 2px solid var(--accent); border-radius: 2px; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
  .overlay { pointer-events: none; }
  .keys { position: absolute; left: 0; right: 0; bottom: 10px; text-align: center; color: var(--faint); pointer-events: none;
    visibility: hidden; }
  .picture:focus-visible ~ .keys { visibility: visible; }
  @container (max-width: 480px) { .keys { display: none; } } /* it would lie on the scale bar */
  .busy { position: absolute; left: 0; right: 0; top: 0; pointer-events: none; }
  .busy .line { height: 2px; overflow: hidden; }
  .busy .done { height: 100%; width: 100%; background: var(--accent); transform-origin: left; }
  .busy .text { margin: 6px 10px; color: var(--faint); font-variant-numeric: tabular-nums; }
  .message { position: absolute; inset: 0; display: flex; align-items: center; justify-content: center; pointer-events: none; }
  .message.beside { align-items: flex-start; padding-top: 28px; }
  .message p { margin: 0 16px; padding: 8px 14px; max-width: 44em; border-radius: 6px; background: var(--panel);
    font-size: 13px; text-align: center; }
  [hidden] { display: none !important; }
`

const MARKUP = `
  <div class="picture" role="img" tabindex="0"
    aria-keyshortcuts="ArrowLeft ArrowRight ArrowUp ArrowDown + - R X Y Z Space , .">
    <canvas class="surface"></canvas><canvas class="overlay"></canvas>
  </div>
  <div class="keys" aria-hidden="true">arrows turn · + − zoom · R reset · X Y Z look along an axis · space plays a series</div>
  <div class="busy" role="status" hidden><div class="line"><div class="done"></div></div><div class="text"></div></div>
  <div class="message" role="status" hidden><p></p></div>
`

export class Page {
  constructor(container) {
    const style = document.createElement("style")
    style.textContent = STYLE
    this.root = document.createElement("div")
    this.root.className = "viewer"
    this.root.innerHTML = MARKUP
    container.replaceChildren(style, this.root)
    this.picture = this.root.querySelector(".picture")
    this.overlay = this.root.querySelector(".overlay")
  }

  // Of the picture, CSS px.
  get size() {
    return {width: this.root.clientWidth, height: this.root.clientHeight}
  }

  paint(colours) {
    for (const name of ["background", "text", "faint", "panel", "accent"]) {
      this.root.style.setProperty(`--${name}`, colours[name])
    }
  }

  describe(sentence) {
    this.picture.setAttribute("aria-label", sentence)
  }

  // A part between 0 and 1 where it is known; a faint whole line where it is not.
  busy(text, part) {
    const busy = this.root.querySelector(".busy")
    busy.hidden = !text
    busy.querySelector(".text").textContent = text
    const done = busy.querySelector(".done")
    done.style.transform = `scaleX(${part ?? 1})`
    done.style.opacity = part === null ? 0.5 : 1
  }

  message(sentence, beside) {
    const message = this.root.querySelector(".message")
    message.hidden = !sentence
    message.classList.toggle("beside", beside)
    message.querySelector("p").textContent = sentence
  }
}
