import {
  to = rbd_image_conversion.debian
  identity = {
    pool     = "images"
    image_id = "5e1f2a7c9d31"
  }
}
