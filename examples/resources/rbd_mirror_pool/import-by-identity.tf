import {
  to = rbd_mirror_pool.tenant
  identity = {
    pool      = "mirror"
    namespace = "tenant-a"
  }
}
