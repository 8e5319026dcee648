# terraform apply -invoke=action.rbd_guest_boot_check.golden
action "rbd_guest_boot_check" "golden" {
  config {
    snapshot        = "images/debian-12@golden"
    console_pattern = "login:"
    failure_pattern = "Kernel panic|emergency mode"
    boot_timeout    = "3m"
  }
}
