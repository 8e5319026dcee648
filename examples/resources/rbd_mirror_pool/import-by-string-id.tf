# pool[/namespace]
import {
  to = rbd_mirror_pool.tenant
  id = "mirror/tenant-a"
}
