data_centers = {
  dc1 = {
    fsid      = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
    conf_file = "/etc/ceph/dc1.conf"
    cloud     = "dc1"
  }
  dc2 = {
    fsid      = "a7f64266-0894-4f1e-a635-d0aeaca0e993"
    conf_file = "/etc/ceph/dc2.conf"
    cloud     = "dc2"
  }
}

current = "2026-10-01"

releases = {
  "2026-10-01" = "debian-12-20261001.qcow2"
}
