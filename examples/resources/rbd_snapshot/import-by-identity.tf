import {
  to = rbd_snapshot.golden
  identity = {
    pool        = "images"
    image_id    = "5e1f2a7c9d31"
    snapshot_id = 4
  }
}
