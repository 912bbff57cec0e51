// Remembers the theme for the next page and the next visit: the server reads it from the cookie.
export function render({model}) {
  const remember = () => {
    document.cookie = `cryohype-theme=${model.dark ? "dark" : "light"}; path=/; max-age=31536000; SameSite=Lax`
  }
  model.on("dark", remember)
  const nothing = document.createElement("span")
  nothing.hidden = true
  return nothing
}
