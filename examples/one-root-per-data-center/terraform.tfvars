# The same in all data centers. Another `current` is a release or a rollback.
current = "2026-10-01"

releases = {
  "2026-10-01" = "debian-12-20261001.qcow2"
}
