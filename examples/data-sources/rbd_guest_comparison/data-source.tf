data "rbd_guest_comparison" "release" {
  before = "images/debian-12@golden"
  after  = "images/debian-12@golden"
  ignore = ["/etc/ssh/ssh_host_*"]
}

# `tofu output -raw release_notes` is the comment of a pull request
output "release_notes" {
  value = data.rbd_guest_comparison.release.markdown
}
