# pool[/namespace]/image@snapshot
import {
  to = rbd_snapshot.golden
  id = "images/debian-12@golden"
}
