data_center = {
  fsid      = "a7f64266-0894-4f1e-a635-d0aeaca0e993"
  conf_file = "/etc/ceph/dc2.conf"
  cloud     = "dc2"
}

copy_from = {
  fsid      = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
  conf_file = "/etc/ceph/dc1.conf"
  workspace = "dc1"
}
