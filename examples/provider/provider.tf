terraform {
  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

# A data center: its Ceph cluster, and the OpenStack cloud that boots from it
provider "rbd" {
  ceph = {
    conf_file = "/etc/ceph/ceph.conf"
    user      = "terraform"
    pool      = "images"
    # any other cluster is refused
    fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
  }

  openstack = {
    cloud = "dc1"
  }
}

# Another one, without Glance
provider "rbd" {
  alias = "dc2"

  ceph = {
    conf_file = "/etc/ceph/dc2.conf"
    user      = "terraform"
    pool      = "images"
    fsid      = "a7f64266-0894-4f1e-a635-d0aeaca0e993"
  }
}

data "rbd_cluster" "dc2" {
  provider = rbd.dc2
}
