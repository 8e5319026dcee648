# pool[/namespace]/image; the next apply runs it
import {
  to = rbd_guest_sysprep.debian
  id = "images/debian-12"
}
