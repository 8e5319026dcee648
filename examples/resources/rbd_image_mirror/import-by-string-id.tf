# pool[/namespace]/image
import {
  to = rbd_image_mirror.golden
  id = "mirror/debian-12"
}
