import {
  to = rbd_image_replica.debian
  identity = {
    pool     = "vms"
    image_id = "5e1f2a7c9d31"
  }
}
