# A namespace, which is mirrored over the peers of its pool. For the pool itself, with
# peers, see examples/mirrored-pool: it takes two clusters.
resource "rbd_namespace" "tenant" {
  pool = "mirror"
  name = "tenant-a"
}

resource "rbd_mirror_pool" "tenant" {
  pool      = rbd_namespace.tenant.pool
  namespace = rbd_namespace.tenant.name
}
