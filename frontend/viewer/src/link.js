// Viewers of one page that share a camera by the name of their group, without the server.
const groups = new Map()

// Returns a member that was there before, whose camera the newcomer takes, or undefined.
export function joinLink(viewer, name) {
  if (!name) return undefined
  const members = groups.get(name) ?? new Set()
  const [leader] = members
  groups.set(name, members.add(viewer))
  viewer.linkName = name
  return leader
}

export function leaveLink(viewer) {
  const members = groups.get(viewer.linkName)
  members?.delete(viewer)
  if (members?.size === 0) groups.delete(viewer.linkName)
  viewer.linkName = ""
}

export function tellLink(viewer) {
  for (const member of groups.get(viewer.linkName) ?? []) {
    if (member !== viewer) member.follow(viewer.pose)
  }
}
