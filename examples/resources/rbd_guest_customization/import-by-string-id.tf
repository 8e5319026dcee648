# pool[/namespace]/image; the next apply runs it
import {
  to = rbd_guest_customization.debian
  id = "images/debian-12"
}
