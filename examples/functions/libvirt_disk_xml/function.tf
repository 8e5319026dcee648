data "rbd_cluster" "this" {}

# For `virsh attach-device`
output "disk" {
  value = provider::rbd::libvirt_disk_xml("vms/web-1-data", data.rbd_cluster.this.monitors, {
    user        = "libvirt"
    secret_uuid = "9a3f6d0e-5f0b-4d52-8c7e-0c2a4f9d1b67"
    dev         = "vdb"
  })
}
