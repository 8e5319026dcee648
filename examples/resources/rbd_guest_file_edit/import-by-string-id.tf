# pool[/namespace]/image; the files come from the configuration
import {
  to = rbd_guest_file_edit.debian
  id = "images/debian-12"
}
