data "rbd_cluster" "this" {}

output "fsid" {
  value = data.rbd_cluster.this.fsid
}
