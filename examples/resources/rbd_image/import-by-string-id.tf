# pool[/namespace]/image
import {
  to = rbd_image.data
  id = "vms/web-1-data"
}
