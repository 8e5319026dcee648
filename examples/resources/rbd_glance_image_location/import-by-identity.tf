import {
  to = rbd_glance_image_location.debian
  identity = {
    image_id = "6b2cbf5f-8d6d-4d5c-9c1e-0e5b6b8a3f1d"
  }
}
