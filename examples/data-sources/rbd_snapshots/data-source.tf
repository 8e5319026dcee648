data "rbd_snapshots" "golden" {
  image      = "images/debian-12"
  name_regex = "^golden"
}

# Golden snapshots that nothing was cloned from
output "unused" {
  value = [for s in data.rbd_snapshots.golden.snapshots : s.spec if length(s.children) == 0]
}
