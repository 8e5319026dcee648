# A pool that is there in two clusters, mirrored in both directions, and an image in it,
# by one apply. dc1 makes a token, and dc2 imports it: that makes each a peer of the
# other. Each cluster needs its rbd-mirror.

terraform {
  required_version = ">= 1.11"

  required_providers {
    rbd = {
      source = "terraform-provider-rbd/rbd"
    }
  }
}

provider "rbd" {
  alias = "dc1"
  ceph = {
    conf_file = "/etc/ceph/dc1.conf"
    fsid      = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
    user      = "admin" # site names and peers need mon 'allow *'
  }
}

provider "rbd" {
  alias = "dc2"
  ceph = {
    conf_file = "/etc/ceph/dc2.conf"
    fsid      = "8d1f6f1e-2c4c-4d33-93a7-6c2f6e1c0a52"
    user      = "admin"
  }
}

resource "rbd_mirror_pool" "dc1" {
  provider  = rbd.dc1
  pool      = "mirror"
  site_name = "dc1"
}

ephemeral "rbd_mirror_bootstrap_token" "dc1" {
  provider = rbd.dc1
  pool     = rbd_mirror_pool.dc1.spec
}

resource "rbd_mirror_pool" "dc2" {
  provider  = rbd.dc2
  pool      = "mirror"
  site_name = "dc2"

  peer = {
    bootstrap_token_wo         = ephemeral.rbd_mirror_bootstrap_token.dc1.token
    bootstrap_token_wo_version = 1
  }
}

resource "rbd_image" "golden" {
  provider = rbd.dc1
  pool     = rbd_mirror_pool.dc1.pool
  name     = "debian-12"
  size     = "10GiB"
}

resource "rbd_image_mirror" "dc1" {
  provider = rbd.dc1
  image    = rbd_image.golden.spec
  primary  = true
  schedule = [{ interval = "1h" }]
}

resource "rbd_image_mirror" "dc2" {
  provider = rbd.dc2
  image    = "${rbd_mirror_pool.dc2.pool}/debian-12"
  primary  = false
}
