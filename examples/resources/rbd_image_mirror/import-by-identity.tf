import {
  to = rbd_image_mirror.golden
  identity = {
    pool     = "mirror"
    image_id = "5e1f2a7c9d31"
  }
}
