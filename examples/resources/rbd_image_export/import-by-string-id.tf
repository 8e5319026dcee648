# FILE,pool[/namespace]/image@snapshot; the file must have the content of the snapshot
import {
  to = rbd_image_export.golden
  id = "/srv/images/debian-12.qcow2,images/debian-12@golden"
}
