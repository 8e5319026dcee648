# pool[/namespace]/image, of an image that this resource has made
import {
  to = rbd_image_replica.debian
  id = "vms/debian-12"
}
