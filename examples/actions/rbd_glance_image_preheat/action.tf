# One of the API servers
provider "rbd" {
  alias = "glance-1"

  openstack = {
    cloud    = "dc1-admin"
    endpoint = "https://glance-1.example.com:9292"
  }
}

# It fetches each new release before anybody asks for it.
action "rbd_glance_image_preheat" "debian" {
  provider = rbd.glance-1

  config {
    image_id = rbd_glance_image_location.debian.image_id
  }
}

resource "rbd_glance_image_location" "debian" {
  snapshot = "images/debian-12@golden"
  name     = "debian-12"

  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.rbd_glance_image_preheat.debian]
    }
  }
}
