# pool[/namespace]/image
import {
  to = rbd_image_conversion.debian
  id = "images/debian-12"
}
